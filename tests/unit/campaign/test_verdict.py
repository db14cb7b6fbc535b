"""A campaign's verdict finds what it is there to find: each of these histories is wrong in one way."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import LoggedEntry
from tacita_sdk.verify import open_log
from tacita_sdk.verify.whole_log import VerifiedLog, verify_log
from tests.support.auditing import CASE
from tests.support.campaign.books import BrokerBook, NodeMatch
from tests.support.campaign.kills import WEIGHTS, drawn
from tests.support.campaign.observer import Observer
from tests.support.campaign.orders import COMMON
from tests.support.campaign.parties import BANK, NGO
from tests.support.campaign.requests import Requested
from tests.support.campaign.verdict import (
    Seen,
    Verdict,
    acknowledged,
    judge_checkpoints,
    judge_entries,
    judge_matches,
    judge_promises,
)

LOG = CASE.log
HELD = tuple(acknowledged(CASE.exports()))
COMPLETED = NodeMatch("requester", "closed", "completed", closed=True, released=True)
ANSWERED = replace(COMPLETED, role="responder", released=False)
BOOK = BrokerBook({"m": "completed"}, {"opening:m": 0, "closing:m": 1, "card:bank": 2}, ())
PROMISED = {
    "m": Requested("request", "promise", CASE.exports()[0].matches[0].decision, CASE.exports()[0].matches[0].closing)
}


def test_an_honest_log_holds_what_was_acknowledged() -> None:
    verdict = Verdict()
    judge_entries(verdict, LOG.entries, HELD)
    assert verdict.broken == []
    assert verdict.figures == {"acknowledged entries": len({held.entry for held in HELD}), "lost": 0, "doubled": 0}


def _without(entries: Sequence[bytes]) -> list[bytes]:
    return [entry for entry in entries if entry != HELD[0].entry_bytes()]


def _twice(entries: Sequence[bytes]) -> list[bytes]:
    return [*entries, HELD[0].entry_bytes()]


def _shifted(entries: Sequence[bytes]) -> list[bytes]:
    return [b"another", *entries]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (_without, "1 acknowledged entries are not in the log"),
        (_twice, "1 entries are in the log more than once"),
        (_shifted, "elsewhere than their proofs say"),
    ],
)
def test_a_log_that_lost_or_repeated_or_moved_something_is_found(
    changed: Callable[[Sequence[bytes]], list[bytes]], sentence: str
) -> None:
    verdict = Verdict()
    judge_entries(verdict, changed(LOG.entries), HELD)
    assert any(sentence in broken for broken in verdict.broken)


@pytest.mark.parametrize(
    ("book", "size", "requests", "sentence"),
    [
        (BOOK, 3, PROMISED, None),
        (replace(BOOK, outcomes={}), 3, PROMISED, "is not known any more"),
        (
            replace(BOOK, positions={**BOOK.positions, "closing:m": None}),
            2,
            PROMISED,
            "lacks its opening or its closing",
        ),
        (replace(BOOK, positions={**BOOK.positions, "opening:other": 3}), 4, PROMISED, "that does not exist"),
        (replace(BOOK, positions={**BOOK.positions, "card:ngo": None}), 3, PROMISED, "still waits"),
        (BOOK, 4, PROMISED, "the log has 4 entries"),
        (BOOK, 3, {"m": Requested("request", "promise")}, "did not get both proofs"),
    ],
)
def test_promises_that_were_not_kept_are_found(
    book: BrokerBook, size: int, requests: dict[str, Requested], sentence: str | None
) -> None:
    verdict = Verdict()
    judge_promises(verdict, book, requests, size)
    assert any(sentence in broken for broken in verdict.broken) if sentence else verdict.broken == []


@pytest.mark.parametrize(
    ("bank", "ngo", "outcome", "sentence"),
    [
        (COMPLETED, ANSWERED, "completed", None),
        (COMPLETED, replace(ANSWERED, outcome="aborted"), "completed", "ended as aborted, in the log as completed"),
        (COMPLETED, replace(ANSWERED, closed=False), "completed", "is not closed"),
        (COMPLETED, replace(ANSWERED, outcome="aborted"), "aborted", "released hits although it is aborted"),
        (COMPLETED, ANSWERED, "disputed", "ended as disputed"),
        (COMPLETED, ANSWERED, None, "ended as None"),
    ],
)
def test_matches_that_did_not_end_in_one_outcome_are_found(
    bank: NodeMatch, ngo: NodeMatch, outcome: str | None, sentence: str | None
) -> None:
    verdict = Verdict()
    judge_matches(verdict, {"m": outcome}, {BANK: {"m": bank}, NGO: {"m": ngo}}, [COMMON])
    assert any(sentence in broken for broken in verdict.broken) if sentence else verdict.broken == []


def test_a_match_that_never_reached_the_broker_must_have_aborted() -> None:
    given_up = NodeMatch("requester", "aborted", None, closed=False, released=False)
    for row, held in (
        (given_up, True),
        (replace(given_up, state="requested"), False),
        (replace(given_up, promised=True), False),
    ):
        verdict = Verdict()
        judge_matches(verdict, {}, {BANK: {"m": row}}, [])
        assert (verdict.broken == []) is held


def test_other_hits_than_the_common_ones_are_found() -> None:
    verdict = Verdict()
    judge_matches(verdict, {}, {}, [COMMON, COMMON - set(list(COMMON)[:1])])
    assert verdict.broken == ["1 matches show other hits than the common ones"]


@pytest.fixture
def log(tmp_path: Path) -> VerifiedLog:
    return verify_log(LOG.trust, open_log(str(CASE.write_log(tmp_path / "log"))), patience=0)[0]


def _observed(*remembered: Checkpoint, shrunk: int = 0) -> Seen:
    observer = Observer("http://127.0.0.1", Path(), remembered=set(remembered), shrunk=shrunk)
    return Seen({export.partner: export for export in CASE.exports()}, {}, [], observer)


def test_states_of_one_log_are_consistent(log: VerifiedLog) -> None:
    verdict = Verdict()
    judge_checkpoints(verdict, log, replace(BOOK, checkpoints=(LOG.note(7),)), _observed(LOG.checkpoint(5)))
    assert (verdict.broken, verdict.figures["inconsistent"]) == ([], 0)
    assert verdict.figures["checkpoints"] >= 3


def test_a_state_of_another_log_is_found(log: VerifiedLog) -> None:
    strange = (
        Checkpoint(LOG.origin, 5, LOG.checkpoint(6).root),
        Checkpoint(LOG.origin, LOG.size + 1, LOG.checkpoint().root),
        Checkpoint("elsewhere", 5, LOG.checkpoint(5).root),
    )
    for checkpoint in strange:
        verdict = Verdict()
        judge_checkpoints(verdict, log, BOOK, _observed(checkpoint))
        assert verdict.broken == ["1 checkpoints that were seen are no states of the log"]


def test_a_published_log_that_shrank_is_found(log: VerifiedLog) -> None:
    verdict = Verdict()
    judge_checkpoints(verdict, log, BOOK, _observed(shrunk=1))
    assert verdict.broken == ["the published log was smaller than before"]


def test_a_seed_always_draws_the_same_kills_and_leaves_nobody_out() -> None:
    steps = drawn(3, kills=12, entries=3, matches=1)
    assert steps == drawn(3, kills=12, entries=3, matches=1) != drawn(4, kills=12, entries=3, matches=1)
    victims = [name for step in steps for name in step.victims]
    assert len(victims) == 12
    assert set(victims) == set(WEIGHTS)


def test_what_is_acknowledged_is_each_entry_with_a_proof() -> None:
    assert all(isinstance(held, LoggedEntry) for held in HELD)
    assert len({held.entry for held in HELD}) > len(CASE.matches)
