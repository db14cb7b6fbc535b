"""What a running match stands on is taken back: it ends at once, at either node, and releases nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from tacita_broker.matches.tables import MatchRow as BrokerMatch
from tacita_node.matching import jobs
from tacita_node.matching.tables import MatchRow
from tacita_protocol.statements.receipt import ReceiptStatus
from tests.support.match_federation import BANK, NGO, MatchFederation, Member, Send, loaded_federation, until
from tests.support.match_steps import find, hold_engine_frames, receipts_of, state_of
from tests.support.node_lifecycle import api_of

pytestmark = pytest.mark.anyio

Take = Callable[[MatchFederation], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def post(member: Member, path: str) -> None:
    async with api_of(member) as client:
        assert (await client.post(path)).status_code == 200


async def agreement_of(member: Member) -> str:
    [agreement] = await member.running.agreements.agreements()
    return agreement.body.agreement


async def ngo_withdraws(federation: MatchFederation) -> None:
    await post(federation.ngo, "/v1/datasets/accounts/withdraw")


async def bank_withdraws(federation: MatchFederation) -> None:
    await post(federation.bank, "/v1/datasets/book/withdraw")


async def ngo_revokes_the_agreement(federation: MatchFederation) -> None:
    await post(federation.ngo, f"/v1/agreements/{await agreement_of(federation.ngo)}/revoke")


async def bank_revokes_the_agreement(federation: MatchFederation) -> None:
    await post(federation.bank, f"/v1/agreements/{await agreement_of(federation.bank)}/revoke")


async def bank_distrusts(federation: MatchFederation) -> None:
    await post(federation.bank, f"/v1/partners/{NGO}/distrust")


async def broker_revokes_the_bank(federation: MatchFederation) -> None:
    await federation.broker.revocations.revoke_partner(BANK, "keys-stolen", federation.broker.keys.signing)


async def broker_revokes_the_ngo(federation: MatchFederation) -> None:
    await federation.broker.revocations.revoke_partner(NGO, "keys-stolen", federation.broker.keys.signing)


async def let_it_close(federation: MatchFederation, match: str) -> None:
    """Ends the time for which the broker waits for the receipt of a side that was revoked. The other's is in."""

    async def receipted() -> bool:
        async with federation.broker.database.read() as session:
            row = await session.get_one(BrokerMatch, match)
        return (row.requester_receipt, row.responder_receipt) != (None, None)

    await until(receipted)
    async with federation.broker.database.write() as session:
        (await session.get_one(BrokerMatch, match)).deadline = 0


async def kept(member: Member, match: str) -> MatchRow:
    row = await find(member, match)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("take", "result_to", "ends", "code"),
    [
        (ngo_withdraws, "requester", "ngo", "dataset-withdrawn"),
        (ngo_withdraws, "owner", "ngo", "dataset-withdrawn"),
        (bank_withdraws, "both", "bank", "dataset-withdrawn"),
        (ngo_revokes_the_agreement, "requester", "ngo", "agreement-ended"),
        (bank_revokes_the_agreement, "owner", "bank", "agreement-ended"),
        (bank_distrusts, "both", "bank", "peer-not-confirmed"),
        (broker_revokes_the_bank, "requester", "ngo", "peer-revoked"),
        (broker_revokes_the_ngo, "requester", "bank", "peer-revoked"),
    ],
)
async def test_a_running_match_ends(tmp_path: Path, take: Take, result_to: str, ends: str, code: str) -> None:
    # Enough to hear of a revocation before the match closes.
    async with loaded_federation(tmp_path, published=True, abort_grace_seconds=3600) as federation:
        acting, other = federation.bank, federation.ngo
        if ends == "ngo":
            acting, other = other, acting
        hold_engine_frames(federation.ngo)
        match = await federation.order(result_to=result_to)
        for member in (acting, other):
            await state_of(member, match, "matching")
        await take(federation)
        if code != "peer-revoked":  # what is taken back here has ended what stood on it by the time that it is answered
            assert (await kept(acting, match)).state == "aborted"
        if code == "peer-revoked":
            await acting.ended(match, closed=False)
            await let_it_close(federation, match)
        summary = await acting.ended(match)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("aborted", [code])
        assert summary.hits is None
        assert (await receipts_of(acting))[match].status is ReceiptStatus.ABORTED
        federation.ngo.line.on = None
        if code != "peer-revoked":  # one that was revoked hears nothing more
            left = await other.ended(match)
            assert (left.state, left.hits) == ("aborted", None)
            assert [reason.code for reason in left.reasons] in (["peer-ended"], [code])
        for member in (acting, other):
            assert await member.running.blobs.names("results") == []


async def test_what_was_taken_back_on_the_way_there_is_found_before_anything_can_be_learned(tmp_path: Path) -> None:
    """Taken back between this node's answer and the first run, and nobody told the match of it."""
    frames: list[str] = []

    async def note(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.method == "PUT" and "/frames/" in request.url.path:
            frames.append(request.url.path.rpartition("/")[2])
        if request.url.path.endswith("/acceptance"):
            await federation.ngo.running.revocations.withdraw("accounts")
        return await send()

    async with loaded_federation(tmp_path) as federation:
        federation.ngo.line.on = note
        match = await federation.order()
        summary = await federation.ngo.ended(match)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("aborted", ["dataset-withdrawn"])
        assert frames == ["0"]  # the confirmation
        assert (await kept(federation.ngo, match)).units == 0
        assert (await federation.bank.ended(match)).hits is None


async def test_it_is_checked_again_without_being_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RECHECK_SECONDS", 0.05)
    async with loaded_federation(tmp_path) as federation:
        hold_engine_frames(federation.ngo)
        match = await federation.order()
        await state_of(federation.ngo, match, "matching")
        await federation.ngo.running.agreements.partners.distrust(BANK)
        summary = await federation.ngo.ended(match, closed=False)
        assert [reason.code for reason in summary.reasons] == ["peer-not-confirmed"]


async def test_a_match_about_which_it_cannot_be_found_out_ends(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo = federation.ngo
        hold_engine_frames(ngo)
        match = await federation.order()
        await state_of(ngo, match, "matching")
        async with ngo.running.database.write() as session:
            (await session.get_one(MatchRow, match)).own_epoch = 7  # a damaged database
        await ngo.matches.recheck()
        summary = await ngo.ended(match, closed=False)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("aborted", ["node-failed"])


async def test_what_does_not_concern_a_match_leaves_it_alone(tmp_path: Path) -> None:
    """The own set of an asker that nobody tests is its own affair."""
    async with loaded_federation(tmp_path, published=True) as federation:
        hold_engine_frames(federation.ngo)
        match = await federation.order()
        await state_of(federation.ngo, match, "matching")
        await bank_withdraws(federation)
        for member in (federation.bank, federation.ngo):
            await member.matches.recheck()
            assert (await kept(member, match)).state == "matching"


async def test_a_match_whose_receipt_is_signed_stays(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, go = federation.bank, asyncio.Event()

        async def hold(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path.endswith("/receipt"):
                await go.wait()
            return await send()

        bank.line.on = hold
        match = await federation.order()
        await state_of(bank, match, "closing")
        await bank_distrusts(federation)
        go.set()
        summary = await bank.ended(match)
        assert (summary.state, summary.hits) == ("closed", 2)
