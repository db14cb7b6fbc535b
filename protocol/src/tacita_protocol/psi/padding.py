"""Filling a set up to its bucket with random tokens."""

from collections.abc import Callable

import numpy as np

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.identifiers.token import Tokens, check_tokens


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
