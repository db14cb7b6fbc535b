"""A match from request to closing, over HTTP, with a scripted pair of partners."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from tacita_broker.log.tables import LogEntryRow
from tacita_protocol.api import MatchState, MatchView
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.statements.grant import Denial
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.statement import verify_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.broker_harness import DENY, BrokerHarness, ScriptedPolicy, broker_at
from tests.support.broker_match import (
    ScriptedMatch,
    event_types,
    federation,
    requested,
)


def outcome_of_closed(view: MatchView, match: ScriptedMatch) -> str:
    """The outcome in a proved closing entry, its proof checked without the two parties."""
    assert view.closing is not None
    assert match.harness.trust is not None
    parties = frozenset({view.requester, view.responder})
    return view.closing.logged.verify(match.harness.trust, excluded=parties).items["outcome"]


def test_a_match_runs_from_request_to_closing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert match.grant is not None
            assert (match.grant.body.requester_count, match.grant.body.responder_count) == (128, 1024)
            await match.relay("requester", b"\x00" * 1000)
            await match.relay("responder", b"\x01" * 1000)
            assert await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)) == 204
            assert (await match.view(bank)).state is MatchState.OPEN
            assert await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER)) == 204
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.COMPLETED
            assert view == await match.view(ngo)
            assert await event_types(bank) == ["decision", "acceptance", "closing"]
            assert await event_types(ngo) == ["decision", "open", "closing"]
            assert (await bank.frame(match.id, "responder", 0)).status_code == 410
            assert list(harness.directory.blobs.iterdir()) == []
            assert await _references(harness) == ["closing", "dataset-card", "opening", "partner-card", "partner-card"]

    asyncio.run(run())


async def _references(harness: BrokerHarness) -> list[str]:
    async with harness.services.database.read() as session:
        return sorted(name.partition(":")[0] for name in await session.scalars(select(LogEntryRow.reference)))


def test_a_denied_match_leaves_two_entries_and_no_trace_with_its_responder(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, policy=ScriptedPolicy(DENY)) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            view = await match.until(MatchState.CLOSED)
            assert view.decision is not None
            key = VerifyKey.from_text(harness.services.settings.signing_key)
            denial = verify_statement(Denial, view.decision.decision, key)
            assert denial.body.reasons == DENY.reasons
            assert outcome_of_closed(view, match) == Outcome.DENIED
            assert await event_types(bank) == ["decision", "closing"]
            assert await event_types(ngo) == []
            assert (await ngo.get(f"/v1/matches/{match.id}")).status_code == 404
            assert (await _references(harness)).count("opening") == (await _references(harness)).count("closing") == 1

    asyncio.run(run())


def test_a_denials_closing_waits_for_its_random_time(tmp_path: Path) -> None:
    async def run() -> None:
        policy = ScriptedPolicy(DENY)
        async with broker_at(tmp_path, policy=policy, denial_closing_mean_seconds=1e9) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.until(MatchState.DENIED)
            await asyncio.sleep(0.7)
            assert (await match.view(bank)).state is MatchState.DENIED
            harness.clock.offset += int(harness.services.settings.denial_closing_max_seconds) + 1
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.DENIED

    asyncio.run(run())


def test_a_refused_match_closes_with_the_refusal(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            refusal = match.make_refusal()
            assert await match.say(ngo, "refusal", refusal) == 204
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.REFUSED
            assert view.closing is not None
            assert view.closing.refusal == view.refusal == refusal.envelope
            assert await event_types(bank) == ["decision", "refusal", "closing"]
            assert await match.say(ngo, "acceptance", match.make_acceptance()) == 410

    asyncio.run(run())


async def _nothing(_match: ScriptedMatch) -> None:
    """Neither side does anything."""


async def _accept(match: ScriptedMatch) -> None:
    await match.accepted()


async def _one_receipt(match: ScriptedMatch) -> None:
    await match.accepted()
    await match.opened()
    assert await match.say(match.requester, "receipt", match.make_receipt(Role.REQUESTER)) == 204


@pytest.mark.parametrize("steps", [_nothing, _accept, _one_receipt])
def test_a_deadline_closes_whatever_is_open(tmp_path: Path, steps: Callable[[ScriptedMatch], Awaitable[None]]) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            grant = await match.granted()
            await steps(match)
            harness.clock.offset += grant.body.finish_before - grant.body.issued + 1
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.INCOMPLETE
            # Whoever is late changes nothing any more.
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 409

    asyncio.run(run())


def test_an_abort_is_told_to_the_other_side_and_closes_the_match(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(bank, "receipt", match.make_abort(Role.REQUESTER)) == 204
            assert await event_types(ngo) == ["decision", "open", "aborted"]
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 204
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.ABORTED

    asyncio.run(run())


def test_an_abort_is_not_held_up_by_a_silent_peer(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, abort_grace_seconds=30) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 204
            harness.clock.offset += 31
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.ABORTED

    asyncio.run(run())


def test_receipts_that_contradict_each_other_are_disputed(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER))
            await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER, elements_charged=1))
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.DISPUTED

    asyncio.run(run())
