"""Promise 10: matching is exact. Random pairs of sets equal the plain intersection, whoever learns what and how.

Every engine, in each mode and direction that it serves, in one piece and in partitions. The seeds are fixed, the tokens
and session keys fresh in every run.
"""

import random
from typing import Any

import numpy as np
import pytest

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi import matching
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.engine import Engine, Found, Mode, RunParameters, Task, run_locally
from tacita_protocol.psi.engines import ENGINE_NAMES, SERVES, engine_named
from tacita_protocol.session.runs import Run, runs_of
from tacita_protocol.statements.vocabulary import Role
from tests.support.scale import runs

PAIRS = runs(test=100, soak=1_000)
PAIRS_PER_TEST = PAIRS // 10
LARGEST = 150
UNIVERSE = random_tokens(2 * LARGEST)


@pytest.mark.parametrize("engine_name", ENGINE_NAMES)
@pytest.mark.parametrize("first_seed", range(0, PAIRS, PAIRS_PER_TEST))
def test_pairs_equal_the_plain_intersection(engine_name: str, first_seed: int) -> None:
    engine = engine_named(engine_name)
    served = sorted(SERVES[engine_name])
    for seed in range(first_seed, first_seed + PAIRS_PER_TEST):
        mode, result_to = served[seed % len(served)]
        chance = random.Random(seed)
        requester, responder = drawn(chance), drawn(chance)
        partitions = chance.choice((1, 2, 4)) if mode in engine.partitionable else 1
        counts = {"requester_count": padded_count(len(requester)), "responder_count": padded_count(len(responder))}
        for run in runs_of(result_to, **counts):
            receiver, sender = requester, responder
            if run.receiver is Role.RESPONDER:
                receiver, sender = sender, receiver
            learned = matched(engine, mode, run, receiver, sender, partitions=partitions, chunks=chance.randint(1, 4))
            expected = in_common(receiver, sender)
            assert learned.count == len({receiver[row].tobytes() for row in expected}), f"seed {seed}"
            if mode is Mode.INTERSECTION:
                assert learned.rows is not None
                assert np.array_equal(learned.rows, expected), f"seed {seed}"
            else:
                assert learned.rows is None


def drawn(chance: random.Random) -> Tokens:
    """A set out of a small universe, drawn with repetition: duplicates on either side must change nothing."""
    universe = UNIVERSE[: chance.randint(1, len(UNIVERSE))]
    return universe[[chance.randrange(len(universe)) for _ in range(chance.randint(0, LARGEST))]].reshape(-1, 32)


def matched(
    engine: Engine, mode: Mode, run: Run, receiver: Tokens, sender: Tokens, *, partitions: int, chunks: int
) -> Found:
    """One run, without a network."""
    parameters = RunParameters(
        session_id=random_bytes(32),
        run=run.number,
        partition=0,
        receiver_count=run.receiver_count,
        sender_count=run.sender_count,
        chunks=chunks,
        mode=mode,
    )
    return run_locally(
        matching.receive(engine, receiver, parameters, partitions),
        matching.send(engine, sender, parameters, partitions),
        run_tasks=_inline,
    )


def in_common(receiver: Tokens, sender: Tokens) -> list[int]:
    """The plain intersection: the receiver's rows that the sender holds too."""
    held = {token.tobytes() for token in sender}
    return [row for row, token in enumerate(receiver) if token.tobytes() in held]


def _inline(tasks: tuple[Task, ...]) -> list[Any]:
    return [task.function(*task.arguments) for task in tasks]
