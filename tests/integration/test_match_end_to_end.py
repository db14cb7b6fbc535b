"""Matches from order to hits, and every way in which they end otherwise, in a federation of real parts."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tacita_node.matching import job, requester
from tacita_node.matching.export import audit_export
from tacita_node.problems import ProblemError
from tacita_protocol.api import InboxEvent, InboxEventType
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_sdk.verify import open_log, verify_audit
from tests.support.lying_broker import lying
from tests.support.match_federation import IBANS, Member, Send, loaded_federation
from tests.support.match_steps import hold_engine_frames, receipts_of, rows, state_of
from tests.support.postgresql import Databases, PostgresServer

pytestmark = pytest.mark.anyio

START_SECONDS = 600


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Databases | None:
    """A PostgreSQL database for each, or None for files."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgresql")
    return Databases(*(server.database() for _ in range(3)))


async def test_a_match_finds_what_both_hold_and_leaves_a_verifiable_record(
    tmp_path: Path, databases: Databases | None
) -> None:
    async with loaded_federation(tmp_path, databases=databases) as federation:
        bank, ngo = federation.bank, federation.ngo
        match = await federation.order()
        asked, answered = await bank.ended(match), await ngo.ended(match)
        assert (asked.state, asked.outcome, asked.hits) == ("closed", "completed", 2)
        assert (answered.state, answered.outcome, answered.hits) == ("closed", "completed", None)
        hits = await bank.matches.hits(match)
        assert [(hit.line, hit.value) for hit in hits.hits] == [(4, IBANS[2]), (5, IBANS[3])]
        with pytest.raises(ProblemError) as refused:
            await ngo.matches.hits(match)
        assert refused.value.code == "not-released"
        assert await bank.running.blobs.names("frames") == []
        trust = bank.running.trust
        assert trust is not None
        exports = [await audit_export(member.running) for member in (bank, ngo)]
        steps = await asyncio.to_thread(verify_audit, trust, open_log(str(tmp_path / "broker" / "log")), exports)
        assert steps


async def test_a_match_without_an_agreement_is_refused_and_closed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        await federation.confirm()
        match = await federation.order()
        asked, answered = await federation.bank.ended(match), await federation.ngo.ended(match)
        assert (asked.state, asked.outcome, asked.hits) == ("refused", "refused", None)
        assert (answered.state, answered.outcome) == ("refused", "refused")
        assert [reason.code for reason in asked.reasons] == ["no-agreement"]
        assert asked.reasons == answered.reasons


async def test_an_asker_whom_nobody_confirmed_is_refused(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        ngo = federation.ngo.identity
        await federation.bank.running.agreements.partners.confirm(ngo.partner, ngo.fingerprint)
        asked = await federation.bank.ended(await federation.order())
        assert [reason.code for reason in asked.reasons] == ["partner-not-confirmed"]


async def test_an_outdated_epoch_is_refused(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        await ngo.stop()
        match = await federation.order()
        await state_of(bank, match, "granted")
        await ngo.start(jobs=False)
        await ngo.load("accounts", Kind.ACCOUNT, IBANS[:1])
        await ngo.stop()
        await ngo.start()
        asked = await bank.ended(match)
        assert [reason.code for reason in asked.reasons] == ["epoch-outdated"]


async def test_a_denied_match_is_closed_and_its_owner_never_hears_of_it(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        asked = await federation.bank.ended(await federation.order(purpose="agency-check"))
        assert (asked.state, asked.outcome, asked.hits) == ("denied", "denied", None)
        assert asked.reasons
        assert await federation.ngo.matches.matches() == []


@pytest.mark.parametrize("who", ["bank", "ngo"])
async def test_a_node_that_restarts_in_the_middle_aborts_with_a_receipt(tmp_path: Path, who: str) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        restarted, other = (bank, ngo) if who == "bank" else (ngo, bank)
        hold_engine_frames(ngo)
        match = await federation.order()
        await state_of(bank, match, "matching")
        await state_of(ngo, match, "matching")
        await restarted.stop()
        await restarted.start()
        aborted, left = await restarted.ended(match), await other.ended(match)
        assert (aborted.state, aborted.outcome, aborted.hits) == ("aborted", "aborted", None)
        assert [reason.code for reason in aborted.reasons] == ["node-restarted"]
        assert (left.state, left.outcome) == ("aborted", "aborted")
        assert [reason.code for reason in left.reasons] == ["peer-ended"]
        receipt = (await receipts_of(restarted))[match]
        assert (receipt.status, receipt.step) == (ReceiptStatus.ABORTED, "matching")
        await told_again(ngo, match)
        assert await rows(ngo) == 1


async def test_a_match_that_was_asked_for_just_before_a_restart_is_aborted_too(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, arrived = federation.bank, asyncio.Event()

        async def lose_the_promise(request: httpx2.Request, send: Send) -> httpx2.Response:
            response = await send()
            if request.url.path == "/v1/matches":
                arrived.set()
                raise httpx2.ReadError("reset", request=request)
            return response

        bank.line.on = lose_the_promise
        match = await federation.order()
        await arrived.wait()
        await bank.stop()
        bank.line.on = None
        await bank.start()
        summary = await bank.ended(match)
        assert (summary.state, summary.outcome) == ("aborted", "aborted")
        assert (await receipts_of(bank))[match].step == "requested"


async def test_a_changed_frame_ends_the_match_without_a_hit(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank

        async def flip_a_bit(request: httpx2.Request, send: Send) -> httpx2.Response:
            response = await send()
            if request.url.path.endswith("/frames/responder/2") and response.status_code == 200:
                frame = bytearray(await response.aread())
                frame[-1] ^= 1
                return httpx2.Response(200, stream=httpx2.ByteStream(bytes(frame)))
            return response

        bank.line.on = flip_a_bit
        summary = await bank.ended(await federation.order())
        assert (summary.state, summary.outcome, summary.hits) == ("aborted", "aborted", None)
        assert [reason.code for reason in summary.reasons] == ["peer-violation"]
        assert await bank.running.blobs.names("results") == []


async def test_a_broker_that_is_away_for_a_while_costs_no_match(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        down = [4]

        async def away(request: httpx2.Request, send: Send) -> httpx2.Response:
            if "/frames/" in request.url.path and down[0]:
                down[0] -= 1
                await send()
                raise httpx2.ReadError("reset", request=request)
            return await send()

        federation.ngo.line.on = away
        match = await federation.order()
        assert (await federation.bank.ended(match)).outcome == "completed"
        assert down == [0]


async def test_a_match_that_nobody_answers_ends_at_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second after the grant, by the node's own clock; however late the grant arrives here, it is still good.
    monkeypatch.setattr(requester, "ANSWER_GRACE_SECONDS", 1 - START_SECONDS)
    monkeypatch.setattr(job, "CLOCK_SLACK_SECONDS", 0)
    async with loaded_federation(tmp_path, start_seconds=START_SECONDS) as federation:
        bank, ngo = federation.bank, federation.ngo
        await ngo.stop()
        # The broker hides that it has closed the match, so that only the node's own clock can end it.
        bank.line.on = lying(federation, lambda view: view.model_copy(update={"closing": None}))
        match = await federation.order()
        summary = await bank.ended(match, closed=False)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("aborted", ["deadline"])
        bank.line.on = None
        assert (await bank.ended(match)).outcome in ("incomplete", "aborted")


async def told_again(member: Member, match: str) -> None:
    """The broker announces a match that is over once more."""
    event = InboxEvent(seq=1, type=InboxEventType.DECISION, match=match, agreement=None)
    await member.matches.notify(event)
