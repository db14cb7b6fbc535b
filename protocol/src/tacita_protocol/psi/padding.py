"""Set sizes are shown in buckets only: powers of the square root of two, filled up with random tokens."""

from collections.abc import Callable
from math import isqrt

import numpy as np

from tacita_protocol.crypto.randomness import random_tokens
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.identifiers.token import Tokens, check_tokens

MIN_BUCKET = 64
"""Elements of the smallest bucket."""


def padded_count(n: int) -> int:
    """The smallest bucket that holds `n` elements: ceil(2^(k/2)), in exact integers, at least `MIN_BUCKET`."""
    if n < 0:
        raise ValueError("a count is not negative")
    if n <= MIN_BUCKET:
        return MIN_BUCKET
    k = ((n - 1) ** 2).bit_length()  # the smallest k with 2^(k/2) > n - 1
    return isqrt(2**k - 1) + 1


def is_bucket(n: int) -> bool:
    """Whether `n` elements fill a bucket exactly: the only counts that statements may carry."""
    return n >= MIN_BUCKET and padded_count(n) == n


def pad_tokens(tokens: Tokens, size: int, *, dummies: Callable[[int], Tokens] = random_tokens) -> Tokens:
    """`tokens` followed by random dummies, `size` rows in all. A dummy matches nothing but with probability 2^-256.

    Args:
        tokens: shape `(n, 32)`, distinct.
        size: rows wanted.
        dummies: draws that many random tokens.

    Raises:
        LimitExceeded: there are more than `size` tokens.
    """
    check_tokens(tokens)
    if len(tokens) > size:
        raise LimitExceeded("more distinct tokens than the agreed count")
    return np.concatenate((tokens, dummies(size - len(tokens))))
