"""How often something is tried again, and after which pause."""

from dataclasses import dataclass

from tacita_protocol.crypto.randomness import random_exponential_seconds


@dataclass(frozen=True)
class RetryPolicy:
    """How often a repeatable request is tried (`attempts`), and how long between (seconds, doubling, with jitter).

    `longest_pause` bounds what a node's `Retry-After` may ask for, too: of more than that the caller is told at once.
    """

    attempts: int = 5
    first_pause: float = 0.2
    longest_pause: float = 5.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 0); random, so that clients spread out."""
        mean = min(self.first_pause * 2**attempt, self.longest_pause)
        return min(random_exponential_seconds(mean), self.longest_pause)
