"""The only place that draws randomness (arrays of it: `random_arrays`), all from the operating system's generator."""

import math
import secrets


def random_bytes(n: int) -> bytes:
    """`n` random bytes."""
    return secrets.token_bytes(n)


def random_hex(n_bytes: int) -> str:
    """`n_bytes` random bytes as lower-case hexadecimal."""
    return secrets.token_hex(n_bytes)


def random_exponential_seconds(mean: float) -> float:
    """A delay in seconds from the exponential distribution with this mean (seconds, not negative)."""
    if mean < 0:
        raise ValueError("the mean of a delay is not negative")
    uniform = secrets.randbits(53) / 2**53  # in [0, 1), every double of this grid equally likely
    return -mean * math.log1p(-uniform)
