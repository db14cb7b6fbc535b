import collections

import numpy as np
import pytest

from tacita_protocol.crypto.random_arrays import random_permutation, random_tokens
from tacita_protocol.crypto.randomness import random_bytes, random_exponential_seconds, random_hex


def test_sizes() -> None:
    assert len(random_bytes(7)) == 7
    assert len(bytes.fromhex(random_hex(16))) == 16
    assert random_tokens(5).shape == (5, 32)
    assert random_tokens(0).shape == (0, 32)


def test_tokens_are_ours_to_change() -> None:
    tokens = random_tokens(2)
    tokens[0] = 0
    assert not tokens[0].any()


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_permutation_holds_each_number_once(n: int) -> None:
    order = random_permutation(n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_permutation_is_uniform() -> None:
    draws = 6000
    counts = collections.Counter(tuple(random_permutation(3).tolist()) for _ in range(draws))
    assert len(counts) == 6
    # 6 standard deviations: fails once in 10**8 runs
    assert all(abs(count - draws / 6) < 6 * (draws * 5 / 36) ** 0.5 for count in counts.values())


def test_exponential_delay_has_its_mean() -> None:
    delays = [random_exponential_seconds(2.0) for _ in range(20_000)]
    assert min(delays) >= 0
    assert abs(sum(delays) / len(delays) - 2.0) < 6 * 2.0 / 20_000**0.5


def test_exponential_delay_refuses_a_negative_mean() -> None:
    with pytest.raises(ValueError, match="negative"):
        random_exponential_seconds(-1.0)
