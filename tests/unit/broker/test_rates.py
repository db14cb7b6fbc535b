"""Token buckets: what may come at once, what may come in the long run, and how little of it is remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_broker.access.rates import MAX_KEYS, Rate, address_key
from tacita_broker.problems import ProblemError


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken(rate: Rate, key: str = "a") -> int:
    """How many requests of `key` pass now."""
    count = 0
    while count < 1_000:
        try:
            rate.take(key)
        except ProblemError:
            return count
        count += 1
    raise AssertionError("there was no end")


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    rate = Rate(per_second=2, burst=5, clock=clock)
    assert taken(rate) == 5
    clock.now += 1
    assert taken(rate) == 2
    clock.now += 3_600
    assert taken(rate) == 5


def test_one_does_not_use_up_anothers() -> None:
    rate = Rate(per_second=1, burst=3, clock=Clock())
    assert (taken(rate, "a"), taken(rate, "b")) == (3, 3)


def test_it_says_when_to_come_back() -> None:
    clock = Clock()
    rate = Rate(per_second=0.1, burst=1, clock=clock)
    rate.take("a")
    with pytest.raises(ProblemError) as refused:
        rate.take("a")
    assert (refused.value.status, refused.value.code) == (429, "too-many-requests")
    wait = int((refused.value.headers or {})["retry-after"])
    assert wait == 10
    clock.now += wait
    rate.take("a")


def test_looking_takes_nothing_and_what_is_given_back_can_be_taken() -> None:
    rate = Rate(per_second=1, burst=2, clock=Clock())
    for _ in range(10):
        rate.check("a")
    assert taken(rate) == 2
    rate.give_back("a")
    assert taken(rate) == 1
    rate.give_back("never seen")
    assert taken(rate, "never seen") == 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=60), st.integers(1, 5))
def test_in_no_stretch_of_time_more_than_the_burst_and_what_was_refilled(
    steps: list[tuple[str, float]], burst: int
) -> None:
    clock = Clock()
    rate = Rate(per_second=2, burst=burst, clock=clock)
    passed: list[float] = []
    for key, pause in steps:
        clock.now += pause
        try:
            rate.take(key)
        except ProblemError:
            continue
        if key == "a":
            passed.append(clock.now)
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= burst + 2 * (end - start) + 1e-6


def test_memory_is_bounded() -> None:
    clock = Clock()
    rate = Rate(per_second=1, burst=10, clock=clock)
    for number in range(MAX_KEYS + 500):
        rate.take(str(number))
    assert len(rate) == MAX_KEYS
    clock.now += 60
    rate.take("late")
    assert len(rate) == 1, "buckets that are full again are forgotten"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unknown", ""),
        ("192.0.2.7:80", ""),
    ],
)
def test_what_counts_as_one_address(text: str, key: str) -> None:
    assert address_key(text) == key
