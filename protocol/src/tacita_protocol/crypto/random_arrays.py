"""Randomness in bulk, as arrays. Apart from `randomness`, so that a service that never matches loads no numpy."""

import secrets

import numpy as np
from numpy.typing import NDArray

TOKEN_SIZE = 32
"""Bytes of a token."""


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
