"""The node's token buckets: a burst, then the rate, in bounded memory."""

import pytest

from tacita_node.access.rates import MAX_KEYS, Rate
from tacita_node.problems import ProblemError


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    rate = Rate(per_second=0.5, burst=3, clock=clock)
    for _ in range(3):
        rate.take("a")
    rate.take("b")
    with pytest.raises(ProblemError) as refused:
        rate.take("a")
    assert (refused.value.status, refused.value.code) == (429, "too-many-requests")
    assert refused.value.headers == {"retry-after": "2"}
    clock.now += 2
    rate.take("a")
    with pytest.raises(ProblemError, match="429"):
        rate.take("a")


def test_memory_is_bounded() -> None:
    clock = Clock()
    rate = Rate(per_second=1, burst=10, clock=clock)
    for number in range(MAX_KEYS + 500):
        rate.take(str(number))
    assert len(rate) == MAX_KEYS
    clock.now += 60
    rate.take("late")
    assert len(rate) == 1, "buckets that are full again are forgotten"
