"""How long a decision of the embedded policy engine takes."""

import asyncio
import time
from collections.abc import Iterator
from statistics import quantiles

from bench.report import Figure, progress
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.example import EXAMPLE

DECISIONS = 5_000
WARM_UP = 200


def policy_decide() -> Iterator[Figure]:
    """A node's decision about a match under the shipped policies, one after the other, to the process and back."""
    took = asyncio.run(_decide())
    cuts = quantiles((seconds * 1_000 for seconds in took), n=100)
    progress(f"  p50 {cuts[49]:.3f} ms, p99 {cuts[98]:.3f} ms, slowest {max(took) * 1_000:.3f} ms")
    yield Figure("policy.decide", DECISIONS, round(cuts[98], 3), "ms")
    yield Figure("policy.decide.p50", DECISIONS, round(cuts[49], 3), "ms")


async def _decide() -> list[float]:
    point = EmbeddedDecisionPoint(Bundle.load())
    await point.start()
    try:
        took = []
        for number in range(WARM_UP + DECISIONS):
            began = time.perf_counter()
            decision = await point.decide(Entrypoint.NODE_RESPOND, EXAMPLE)
            if number >= WARM_UP:
                took.append(time.perf_counter() - began)
            if not decision.allow:
                raise RuntimeError("the shipped policies allow the example")
    finally:
        await point.close()
    return took
