"""The journal: a match id is taken once, states only go forward, and every step leaves its custody event."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tacita_node.data.custody import verify_chain
from tacita_node.matching.journal import HISTORY_SECONDS, MatchIdTaken, MatchJournal, decode_reasons
from tacita_node.matching.tables import MatchRow
from tacita_node.services import NodeServices
from tacita_protocol.session import State
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import NOW, TestClock, enrolled, opened

pytestmark = pytest.mark.anyio

MATCH = "ab" * 16
REASON = Reason(code="deadline", message="It took too long.")


@asynccontextmanager
async def journal_at(root: Path, clock: TestClock) -> AsyncIterator[tuple[MatchJournal, NodeServices]]:
    broker = BrokerSimulator(clock)
    identity = await enrolled(root, broker, clock=clock)
    async with opened(root, broker, identity, clock=clock) as services:
        yield MatchJournal(services.database, services.custody, services.clock), services


def row(match: str = MATCH, *, role: str = "responder", state: State = State.GRANTED, started: int = NOW) -> MatchRow:
    return MatchRow(
        match=match,
        role=role,
        peer="safe-harbour",
        peer_card="{}",
        dataset="accounts",
        own_dataset="accounts",
        own_epoch=1,
        responder_count=64,
        custody="00" * 32,
        kind="account",
        mode="intersection",
        result_to="requester",
        state=state.value,
        started=started,
        request="{}",
        reasons="[]",
        units=0,
        closed=False,
        settled=False,
        released=False,
    )


async def test_a_match_id_is_taken_once_also_across_restarts(tmp_path: Path) -> None:
    clock = TestClock()
    async with journal_at(tmp_path / "a", clock) as (journal, services):
        await journal.begin(row())
        with pytest.raises(MatchIdTaken):
            await journal.begin(row(role="requester"))
        again = MatchJournal(services.database, services.custody, clock)
        with pytest.raises(MatchIdTaken):
            await again.begin(row())


async def test_a_state_is_reached_from_the_states_before_it_only(tmp_path: Path) -> None:
    clock = TestClock()
    async with journal_at(tmp_path / "a", clock) as (journal, services):
        await journal.begin(row())
        await journal.advance(MATCH, State.ACCEPTED, since=[State.GRANTED], units=64)
        with pytest.raises(RuntimeError):
            await journal.advance(MATCH, State.ACCEPTED, since=[State.GRANTED])
        with pytest.raises(RuntimeError):
            await journal.advance("cd" * 16, State.ACCEPTED, since=[State.GRANTED])
        clock.now += 5
        await journal.advance(MATCH, State.ABORTED, since=[State.ACCEPTED], reasons=[REASON])
        found = await journal.find(MATCH)
        assert found is not None
        assert (found.state, found.ended, decode_reasons(found.reasons)) == ("aborted", NOW + 5, (REASON,))
        events = await services.custody.events()
        identity = services.identity
        verify_chain(events, partner=identity.partner, key=identity.keys.signing.verify_key)
        assert len(events) == 3


async def test_a_match_closes_once_and_what_was_aborted_stays_aborted(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "a", TestClock()) as (journal, _):
        await journal.begin(row(state=State.CLOSING))
        await journal.begin(row("cd" * 16, state=State.ABORTED))
        for match in (MATCH, "cd" * 16):
            await journal.close(match, outcome="aborted", decision="{}", closing="{}", released=False)
        states = [found.state for match in (MATCH, "cd" * 16) if (found := await journal.find(match))]
        assert states == ["closed", "aborted"]
        assert await journal.unsettled() == []
        with pytest.raises(RuntimeError):
            await journal.close(MATCH, outcome="completed", decision="{}", closing="{}", released=True)


async def test_history_counts_what_one_peer_could_evaluate_in_thirty_days(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "a", TestClock()) as (journal, _):
        counted = {"01" * 16: State.ACCEPTED, "02" * 16: State.ABORTED, "07" * 16: State.REQUESTED}
        ignored = {"03" * 16: State.REFUSED, "04" * 16: State.GRANTED}
        for match, state in (counted | ignored).items():
            fresh = row(match, state=state, role="requester" if state is State.REQUESTED else "responder")
            fresh.units = 0 if match in ignored else 64
            await journal.begin(fresh)
        old = row("05" * 16, state=State.CLOSED, started=NOW - HISTORY_SECONDS - 1)
        old.units = 64
        await journal.begin(old)
        other = row("06" * 16, state=State.CLOSED)
        other.peer, other.units = "other-asker", 64
        await journal.begin(other)
        history = await journal.history("safe-harbour", dataset="accounts", epoch=1)
        assert (history.matches_30d, history.units_30d, history.cardinality_epoch) == (3, 192, 0)


async def test_history_counts_numbers_given_on_one_epoch_whenever_that_was(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "a", TestClock()) as (journal, _):
        changes: list[dict[str, str | int]] = [
            {},
            {"started": NOW - HISTORY_SECONDS - 1},
            {"own_epoch": 2},
            {"own_dataset": "phones"},
            {"peer": "other-asker"},
            {"mode": "intersection"},
            {"units": 0},
        ]
        for number, change in enumerate(changes):
            given = row(f"{number:032x}", state=State.CLOSED)
            for name, value in ({"mode": "cardinality", "units": 64} | change).items():
                setattr(given, name, value)
            await journal.begin(given)
        assert (await journal.history("safe-harbour", dataset="accounts", epoch=1)).cardinality_epoch == 2


async def test_what_is_charged_under_an_agreement_counts_whoever_asked(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "a", TestClock()) as (journal, _):
        for match, role in (("01" * 16, "responder"), ("02" * 16, "requester")):
            fresh = row(match, role=role, state=State.CLOSED)
            fresh.agreement, fresh.units = "aa" * 32, 64
            await journal.begin(fresh)
        assert await journal.charged("aa" * 32, days=30) == 128
        assert await journal.charged("bb" * 32, days=30) == 0


async def test_a_history_beyond_what_a_policy_can_be_told_is_told_as_the_most(tmp_path: Path) -> None:
    async with journal_at(tmp_path / "a", TestClock()) as (journal, _):
        for number in range(2):
            large = row(f"{number:032x}", state=State.CLOSED)
            large.units = MAX_ELEMENTS
            await journal.begin(large)
        assert (await journal.history("safe-harbour", dataset="accounts", epoch=1)).units_30d == MAX_ELEMENTS


async def test_the_newest_come_page_by_page_also_within_one_second(tmp_path: Path) -> None:
    async with journal_at(tmp_path, TestClock()) as (journal, _):
        for name, started in (("a", NOW), ("b", NOW), ("c", NOW - 5), ("d", NOW + 5)):
            await journal.begin(row(name * 32, started=started))
        seen: list[str] = []
        after: tuple[int, str] | None = None
        while page := await journal.newest(1, after=after):
            seen.append(page[0].match[0])
            after = page[0].started, page[0].match
        assert seen == ["d", "a", "b", "c"]
