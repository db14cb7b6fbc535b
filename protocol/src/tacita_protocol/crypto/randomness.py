"""The only place that draws randomness, all of it from the operating system's generator."""

import math
import secrets

import numpy as np
from numpy.typing import NDArray

TOKEN_SIZE = 32
"""Bytes of a token."""


def random_bytes(n: int) -> bytes:
    """`n` random bytes."""
    return secrets.token_bytes(n)


def random_hex(n_bytes: int) -> str:
    """`n_bytes` random bytes as lower-case hexadecimal."""
    return secrets.token_hex(n_bytes)


def random_tokens(n: int) -> NDArray[np.uint8]:
    """Random dummy tokens, shape `(n, 32)`: what pads a set to its bucket."""
    return np.frombuffer(bytearray(secrets.token_bytes(n * TOKEN_SIZE)), dtype=np.uint8).reshape(n, TOKEN_SIZE)


def random_permutation(n: int) -> NDArray[np.int64]:
    """A uniformly random permutation of `0..n-1`.

    Sorts 64-bit random keys. Given distinct keys every order is equally likely, so a draw with a tie (probability
    below 2**-24 at a million) is thrown away: the result is exactly uniform.
    """
    while True:
        keys = np.frombuffer(secrets.token_bytes(n * 8), dtype=np.uint64)
        order = np.argsort(keys)
        ordered = keys[order]
        if not np.any(ordered[1:] == ordered[:-1]):
            return order.astype(np.int64, copy=False)


def random_exponential_seconds(mean: float) -> float:
    """A delay in seconds from the exponential distribution with this mean (seconds, not negative)."""
    if mean < 0:
        raise ValueError("the mean of a delay is not negative")
    uniform = secrets.randbits(53) / 2**53  # in [0, 1), every double of this grid equally likely
    return -mean * math.log1p(-uniform)
