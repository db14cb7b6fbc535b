"""The key of bearer tokens. A token that expired stays expired, whatever becomes of the host's clock (ADR 0023).

The key is made anew at every start, and when the clock was set back: nobody knows any more then which tokens had
expired. Partners get a new token by a signed request, which their nodes do by themselves.
"""

from collections.abc import Callable

from tacita_protocol.crypto.bearer import BEARER_KEY_SIZE
from tacita_protocol.crypto.httpsig import MAX_CLOCK_SKEW
from tacita_protocol.crypto.randomness import random_bytes


class BearerKey:
    """The key under which tokens are issued and checked now; kept nowhere else."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._latest = clock()
        self._key = random_bytes(BEARER_KEY_SIZE)

    def at(self, now: int) -> bytes:
        """The key at `now` (unix seconds), which the broker also says at each tick, whether or not a token is shown.

        A clock that is set back by no more than the allowed skew changes nothing.
        """
        if now < self._latest - MAX_CLOCK_SKEW:
            self._key = random_bytes(BEARER_KEY_SIZE)
            self._latest = now
        self._latest = max(self._latest, now)
        return self._key
