"""The key of bearer tokens lasts as long as time goes on."""

import pytest

from tacita_broker.access.bearer_key import BearerKey
from tacita_protocol.crypto.httpsig import MAX_CLOCK_SKEW

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("seen", "then", "same"),
    [
        (NOW, NOW, True),
        (NOW, NOW + 10**9, True),
        (NOW, NOW - MAX_CLOCK_SKEW, True),
        (NOW, NOW - MAX_CLOCK_SKEW - 1, False),
        (NOW + 600, NOW, False),
    ],
)
def test_the_key_changes_when_the_clock_goes_back(seen: int, then: int, same: bool) -> None:
    key = BearerKey(lambda: NOW)
    before = key.at(seen)
    assert (key.at(then) == before) is same
    assert key.at(then) == key.at(then + 1)


def test_small_steps_back_add_up() -> None:
    key = BearerKey(lambda: NOW)
    before = key.at(NOW)
    assert key.at(NOW - MAX_CLOCK_SKEW) == before
    assert key.at(NOW - MAX_CLOCK_SKEW - 1) != before


def test_two_starts_have_two_keys() -> None:
    assert BearerKey(lambda: NOW).at(NOW) != BearerKey(lambda: NOW).at(NOW)
