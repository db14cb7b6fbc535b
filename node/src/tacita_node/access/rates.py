"""How often somebody may ask: a token bucket for each, in bounded memory."""

import math
from collections import OrderedDict
from collections.abc import Callable

from tacita_node.problems import ProblemError

MAX_KEYS = 10_000
"""How many are remembered at once; of more, the one that asked longest ago is forgotten."""


class Rate:
    """A bucket for each key that holds `burst` requests and is refilled with `per_second`.

    Kept of a bucket is only the time at which it will be full again: one number, and a full bucket is none.

    Args:
        per_second: requests a second in the long run.
        burst: requests at once after a pause.
        clock: seconds, monotonic.
    """

    def __init__(self, *, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) / per_second
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str) -> None:
        """One request of `key`. Raises a 429 problem, which says when to come back, when the bucket is empty."""
        now = self._clock()
        full_at = max(now, self._full_at.get(key, now))
        wait = full_at - now - self._slack
        if wait > 0:
            raise ProblemError(
                429,
                "too-many-requests",
                "Too many requests in a short time.",
                headers={"retry-after": str(math.ceil(wait))},
            )
        self._full_at[key] = full_at + self._interval
        self._full_at.move_to_end(key)
        self._forget(now)

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        """Drop what need not be remembered: full buckets, as far as they are the oldest, and what is too much."""
        while len(self._full_at) > MAX_KEYS or next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)
