"""What a person reads about a match: who learns what, how far it is, and what a number is worth."""

import io
import itertools

import pytest

from tacita_sdk.cli.match import lines_of
from tacita_sdk.cli.progress import ProgressLine
from tacita_sdk.node_api import MatchProgress, MatchSummary

SUMMARY = MatchSummary(
    match="5e" * 16,
    role="requester",
    peer="haven",
    dataset="suspects",
    kind="phone",
    mode="intersection",
    result_to="requester",
    state="closed",
    outcome="completed",
    reasons=(),
    hits=None,
    started=1,
    ended=2,
    closed=True,
)


def summary(**changes: object) -> MatchSummary:
    return SUMMARY.model_copy(update=changes)


@pytest.mark.parametrize(
    ("role", "result_to", "learns", "sentence"),
    [
        ("requester", "requester", True, "You learn which ones are in common; haven does not."),
        ("responder", "requester", False, "haven learns which ones are in common; you do not."),
        ("requester", "owner", False, "The owner learns which ones are in common; you do not."),
        ("responder", "owner", True, "You learn which ones are in common; haven does not."),
        ("requester", "both", True, "Both sides learn which ones are in common."),
        ("responder", "both", True, "Both sides learn which ones are in common."),
    ],
)
def test_it_says_who_learns(role: str, result_to: str, learns: bool, sentence: str) -> None:
    shown = summary(role=role, result_to=result_to)
    assert shown.learns is learns
    assert sentence in "\n".join(lines_of(shown))


@pytest.mark.parametrize("state", ["denied", "refused"])
def test_where_nothing_was_compared_nobody_is_said_to_learn(state: str) -> None:
    assert lines_of(summary(state=state))[1:] == ["  Nothing was compared, so nobody learns anything."]


def test_a_number_is_called_rounded_and_its_engine_semi_honest() -> None:
    text = "\n".join(lines_of(summary(mode="cardinality", hits=30)))
    assert "30 in common, a rounded number; there is no list of them." in text
    assert "semi-honest" in text


def test_hits_name_the_command_that_shows_them() -> None:
    for number, said in ((0, "0 hits"), (1, "1 hit"), (3, "3 hits")):
        assert f"  {said}: tacita match hits {SUMMARY.match}" in lines_of(summary(hits=number))


def test_without_a_terminal_progress_is_a_line_per_state() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    for state in ("requested", "requested", "matching", "closed"):
        line.show(summary(state=state, progress=MatchProgress(done=1, total=2)))
    line.end()
    assert stream.getvalue() == "requested\nmatching\nclosed\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_with_elements_and_time_left() -> None:
    stream, times = Terminal(), iter([10.0, 12.0, 13.0])
    line = ProgressLine(stream, clock=lambda: next(times))
    line.show(summary(state="granted"))
    line.show(summary(state="matching", progress=MatchProgress(done=1_000, total=5_000)))
    line.show(summary(state="matching", progress=MatchProgress(done=3_000, total=5_000)))
    line.end()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().split("\r\x1b[K") == [
        "",
        "granted",
        "matching  1,000 of 5,000 elements (20 %)",
        "matching  3,000 of 5,000 elements (60 %), 1,000 a second, at least 2 s left",
        "",
    ]


def test_the_time_left_does_not_grow_while_the_partner_computes() -> None:
    """Own elements, a wait for the partner's, own elements again, and a wait for the end."""
    seen = [
        (0, 100, ""),
        (1, 200, "100 a second, at least 8 s left"),
        (2, 200, "100 a second, at least 8 s left"),
        (3, 400, "100 a second, at least 6 s left"),  # a pause of 2 s
        (8, 400, "100 a second, at least 6 s left"),
        (10, 400, ""),
        (1_000, 400, ""),
        (1_001, 500, ""),
        (1_002, 700, "200 a second, at least 2 s left"),
        (1_004, 1_000, ""),
        (2_000, 1_000, ""),
    ]
    stream, times = Terminal(), iter([float(time) for time, _, _ in seen])
    line = ProgressLine(stream, clock=lambda: next(times))
    for _, done, _ in seen:
        line.show(summary(state="matching", progress=MatchProgress(done=done, total=1_000)))
    shown = [one.removeprefix("matching  ") for one in stream.getvalue().split("\r\x1b[K")[1:]]
    texts = [f"{done:,} of 1,000 elements ({done // 10} %)" + (left and f", {left}") for _, done, left in seen]
    assert shown == [text for text, _ in itertools.groupby(texts)]  # what says the same is not shown again
