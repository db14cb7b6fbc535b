"""Buckets of set sizes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.psi.buckets import is_bucket, padded_count
from tacita_protocol.psi.padding import pad_tokens


@pytest.mark.parametrize(
    ("n", "bucket"),
    [(0, 64), (1, 64), (64, 64), (65, 91), (91, 91), (92, 128), (20_000, 23_171), (23_171, 23_171), (23_172, 32_768),
     (2**20, 2**20), (2**20 + 1, 1_482_911)],
)  # fmt: skip
def test_the_bucket_of_a_count(n: int, bucket: int) -> None:
    assert padded_count(n) == bucket
    assert is_bucket(n) is (n == bucket)


@settings(deadline=None)
@given(st.integers(65, 10**15))
def test_a_bucket_is_the_next_power_of_the_root_of_two(n: int) -> None:
    bucket = padded_count(n)
    assert n <= bucket
    assert (bucket - 1) ** 2 < 2 ** round(2 * math.log2(bucket)) <= bucket**2
    assert is_bucket(bucket)
    assert (n - 1) ** 2 * 2 >= (bucket - 1) ** 2  # the bucket below would not do


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_buckets_grow_with_counts(n: int) -> None:
    assert padded_count(n) <= padded_count(n + 1)


def test_a_negative_count_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="negative"):
        padded_count(-1)
    assert not is_bucket(-64)


def test_tokens_are_kept_and_dummies_follow() -> None:
    tokens = random_tokens(3)
    padded = pad_tokens(tokens, 64, dummies=lambda n: np.full((n, 32), 7, dtype=np.uint8))
    assert padded.shape == (64, 32)
    assert np.array_equal(padded[:3], tokens)
    assert np.all(padded[3:] == 7)


def test_more_tokens_than_agreed_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        pad_tokens(random_tokens(65), 64)
