"""How much a test does: enough for every change in `make test`, a promise's full number in `make soak`."""

import os

SOAKING = os.environ.get("TACITA_SOAK") == "1"

SEED = int(os.environ.get("TACITA_SEED", "1"))
"""What chance is made from; the same seed draws the same victims and the same waits (`make soak SEED=2`)."""

KILLS = int(os.environ.get("TACITA_KILLS", "500"))
"""Kills of the campaign in `make soak`; promise 2 says 500 (`make soak KILLS=50` for less time)."""


def runs(*, test: int, soak: int) -> int:
    """How often to run something that gets better by repetition."""
    return soak if SOAKING else test
