"""How much a test does: enough for every change in `make test`, a promise's full number in `make soak`."""

import os

SOAKING = os.environ.get("TACITA_SOAK") == "1"


def runs(*, test: int, soak: int) -> int:
    """How often to run something that gets better by repetition."""
    return soak if SOAKING else test
