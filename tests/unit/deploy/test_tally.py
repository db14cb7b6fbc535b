"""The demo's closing line: its keys, and what makes the demo fail."""

from collections.abc import Callable

import pytest

from deploy.demo.tally import Tally
from tacita_sdk.node import MatchResult
from tacita_sdk.node_api import HitView, MatchSummary


def result(*lines: int) -> MatchResult:
    summary = MatchSummary(
        match="0" * 32, role="requester", peer="haven", dataset="d", kind="phone", mode="intersection",
        result_to="requester", state="closed", outcome="complete", reasons=(), hits=len(lines), started=1, ended=2,
        closed=True,
    )  # fmt: skip
    return MatchResult(summary, tuple(HitView(source="0" * 32, line=line, value="x") for line in lines))


def told(*lines: int) -> Tally:
    tally = Tally(denied=1, refused=1, verified=True)
    tally.count_hits(result(*lines), frozenset({2, 3}))
    return tally


def test_the_keys_are_those_that_users_were_promised() -> None:
    assert list(Tally().summary()) == [
        "matches", "expected_hits", "hits", "false_hits", "missed_hits", "denied", "refused", "log_size", "verified",
    ]  # fmt: skip


def test_what_was_planted_and_found_is_as_promised() -> None:
    tally = told(2, 3)
    assert (tally.matches, tally.expected_hits, tally.hits, tally.as_promised) == (1, 2, 2, True)


SPOILT: dict[str, Callable[[], Tally]] = {
    "a hit is missing": lambda: told(2),
    "a hit too many": lambda: told(2, 3, 4),
    "another hit": lambda: told(2, 4),
    "not verified": lambda: _but(told(2, 3), verified=False),
    "nothing was denied": lambda: _but(told(2, 3), denied=0),
    "nothing was refused": lambda: _but(told(2, 3), refused=0),
    "something unexpected": lambda: _but(told(2, 3), unexpected=["It went otherwise."]),
    "a number too low": lambda: _counted(20),
    "a number too high": lambda: _counted(40),
    "no number": lambda: _counted(None),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_anything_else_is_not(spoilt: Callable[[], Tally]) -> None:
    assert not spoilt().as_promised


def test_an_expectation_that_holds_leaves_no_trace() -> None:
    tally = told(2, 3)
    tally.expect(tally.hits == 2, "not said")
    tally.expect(tally.hits == 3, "said")
    assert tally.unexpected == ["said"]


def _but(tally: Tally, **changes: object) -> Tally:
    for name, value in changes.items():
        setattr(tally, name, value)
    return tally


def _counted(number: int | None) -> Tally:
    tally = told(2, 3)
    tally.count_number(number, 30)
    return tally
