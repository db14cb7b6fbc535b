"""Where the node gets the time: one callable, handed in, so that tests decide what time it is."""

import time
from typing import Protocol


class Clock(Protocol):
    """The current time in whole unix seconds, UTC."""

    def __call__(self) -> int: ...


def system_clock() -> int:
    """This machine's time in whole unix seconds."""
    return int(time.time())
