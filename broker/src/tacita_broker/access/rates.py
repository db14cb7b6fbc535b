"""How often somebody may ask: a token bucket for each, in bounded memory."""

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from tacita_broker.config import Limits
from tacita_broker.problems import ProblemError

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

    def check(self, key: str) -> None:
        """Raises a 429 problem, which says when to come back, when the bucket of `key` is empty."""
        now = self._clock()
        wait = self._full_at.get(key, now) - now - self._slack
        if wait > 0:
            raise ProblemError(
                429,
                "too-many-requests",
                "Too many requests in a short time.",
                headers={"retry-after": str(math.ceil(wait))},
            )

    def take(self, key: str) -> None:
        """One request of `key`. Raises as `check`."""
        self.check(key)
        now = self._clock()
        self._full_at[key] = max(now, self._full_at.get(key, now)) + self._interval
        self._full_at.move_to_end(key)
        self._forget(now)

    def give_back(self, key: str) -> None:
        """A request that was taken from `key` turns out not to be its."""
        if key in self._full_at:
            self._full_at[key] -= self._interval

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._full_at)

    def _forget(self, now: float) -> None:
        """Drop what need not be remembered: full buckets, as far as they are the oldest, and what is too much."""
        while len(self._full_at) > MAX_KEYS or next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)


class Rates:
    """The three rates of a broker: by address for what is nobody's, by partner for the two ways to be somebody."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.public = Rate(per_second=limits.public_per_second, burst=limits.public_burst, clock=clock)
        self.signed = Rate(per_second=limits.signed_per_second, burst=limits.signed_burst, clock=clock)
        self.bearer = Rate(per_second=limits.bearer_per_second, burst=limits.bearer_burst, clock=clock)


def address_key(text: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 address. Empty when it is neither."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)
