"""Set sizes are shown in buckets only: powers of the square root of two. What fills a bucket up: `padding`."""

from math import isqrt

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
