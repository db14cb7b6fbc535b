"""Promise 10: matching is exact. 100 random pairs of sets equal the plain intersection, on every engine.

(`make soak`, when it comes, runs 1,000.) The seeds are fixed, the tokens and session keys fresh in every run.
"""

import random
from typing import Any

import numpy as np
import pytest

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.engine import RunParameters, Task, run_locally
from tacita_protocol.psi.engines import ENGINE_NAMES, engine_named

PAIRS = 100
PAIRS_PER_TEST = 10
LARGEST = 150


@pytest.mark.parametrize("engine_name", ENGINE_NAMES)
@pytest.mark.parametrize("first_seed", range(0, PAIRS, PAIRS_PER_TEST))
def test_pairs_equal_the_plain_intersection(engine_name: str, first_seed: int) -> None:
    engine = engine_named(engine_name)
    for seed in range(first_seed, first_seed + PAIRS_PER_TEST):
        chance = random.Random(seed)
        universe = random_tokens(chance.randint(1, 2 * LARGEST))
        # Drawn with repetition: duplicates on either side must change nothing.
        receiver, sender = (
            universe[[chance.randrange(len(universe)) for _ in range(chance.randint(0, LARGEST))]].reshape(-1, 32)
            for _ in range(2)
        )
        parameters = RunParameters(
            session_id=random_bytes(32),
            run=0,
            partition=0,
            receiver_count=padded_count(len(receiver)),
            sender_count=padded_count(len(sender)),
            chunks=chance.randint(1, 4),
        )
        found = run_locally(engine.receive(receiver, parameters), engine.send(sender, parameters), run_tasks=_inline)
        held = {token.tobytes() for token in sender}
        expected = [row for row, token in enumerate(receiver) if token.tobytes() in held]
        assert found.rows is not None
        assert np.array_equal(found.rows, expected), f"seed {seed}"


def _inline(tasks: tuple[Task, ...]) -> list[Any]:
    return [task.function(*task.arguments) for task in tasks]
