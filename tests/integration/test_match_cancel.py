"""A running match is cancelled, by either side at every stage; a match that is over is not."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tacita_node.problems import ProblemError
from tacita_protocol.api import MatchState, MatchView
from tacita_protocol.statements.receipt import ReceiptStatus
from tests.support.lying_broker import lying
from tests.support.match_federation import MatchFederation, Member, Send, loaded_federation, until
from tests.support.match_steps import find, hold_engine_frames, receipts_of, state_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def hold(member: Member, held: Callable[[httpx2.Request], bool]) -> None:
    """Requests of this member that `held` names do not get out, as long as this line is in place."""

    async def on(request: httpx2.Request, send: Send) -> httpx2.Response:
        if held(request):
            await until(lambda: member.line.on is not on)
        return await send()

    member.line.on = on


def at_request(federation: MatchFederation) -> None:
    hold(federation.bank, lambda request: (request.method, request.url.path) == ("POST", "/v1/matches"))


def at_grant(federation: MatchFederation) -> None:
    hold(federation.ngo, lambda request: request.url.path.endswith("/acceptance"))


def at_acceptance(federation: MatchFederation) -> None:
    hold(federation.bank, lambda request: request.url.path.endswith("/open"))


def at_engine(federation: MatchFederation) -> None:
    hold_engine_frames(federation.ngo)


@pytest.mark.parametrize(
    ("stop_at", "who", "state"),
    [
        (at_grant, "bank", "granted"),
        (at_grant, "ngo", "accepted"),
        (at_acceptance, "bank", "open"),
        (at_acceptance, "ngo", "accepted"),
        (at_engine, "bank", "matching"),
        (at_engine, "ngo", "matching"),
    ],
)
async def test_either_side_cancels_at_every_stage(
    tmp_path: Path, stop_at: Callable[[MatchFederation], None], who: str, state: str
) -> None:
    async with loaded_federation(tmp_path, published=True) as federation:
        stop_at(federation)
        cancelling, other = federation.bank, federation.ngo
        if who == "ngo":
            cancelling, other = other, cancelling
        match = await federation.order(result_to="both")
        await state_of(cancelling, match, state)
        shown = await cancelling.matches.cancel(match)
        assert (shown.state, [reason.code for reason in shown.reasons]) == ("aborted", ["cancelled"])
        for member in (federation.bank, federation.ngo):
            member.line.on = None
        cancelled, left = await cancelling.ended(match), await other.ended(match)
        assert (cancelled.state, cancelled.outcome, cancelled.hits) == ("aborted", "aborted", None)
        assert (left.state, [reason.code for reason in left.reasons]) == ("aborted", ["peer-ended"])
        receipt = (await receipts_of(cancelling))[match]
        assert receipt.status is ReceiptStatus.ABORTED
        assert receipt.step in {state, "confirmed" if state == "matching" else state}  # before the first engine message
        evaluated = state == "matching"
        for member in (cancelling, other):
            row = await find(member, match)
            assert row is not None
            assert (row.units > 0) <= evaluated  # what never began costs nothing
            assert await member.running.blobs.names("results") == []


async def test_a_request_that_never_got_out_is_cancelled_too(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        at_request(federation)
        match = await federation.order()
        shown = await federation.bank.matches.cancel(match)
        assert (shown.state, [reason.code for reason in shown.reasons]) == ("aborted", ["cancelled"])
        assert await receipts_of(federation.bank) == {}


async def test_a_match_that_is_over_is_not_cancelled(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        match = await federation.order()
        await bank.ended(match)
        await ngo.ended(match)
        for member in (bank, ngo):
            with pytest.raises(ProblemError) as refused:
                await member.matches.cancel(match)
            assert (refused.value.status, refused.value.code) == (409, "match-over")
        assert (await bank.matches.match(match)).hits == 2
        with pytest.raises(ProblemError) as unknown:
            await bank.matches.cancel("0" * 32)
        assert unknown.value.status == 404


async def test_who_cancels_after_its_receipt_comes_too_late(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        hold(bank, lambda request: request.url.path.endswith("/receipt"))
        match = await federation.order()
        await state_of(bank, match, "closing")
        with pytest.raises(ProblemError) as refused:
            await bank.matches.cancel(match)
        assert refused.value.code == "match-over"


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_match_that_waits_for_approval_goes_on_or_is_cancelled(tmp_path: Path, cancelled: bool) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, approved = federation.bank, asyncio.Event()

        def waiting(view: MatchView) -> MatchView:
            if approved.is_set():
                return view
            return view.model_copy(update={"state": MatchState.AWAITING_APPROVAL, "decision": None})

        bank.line.on = lying(federation, waiting)
        match = await federation.order()
        await state_of(bank, match, "awaiting-approval")
        assert (await bank.matches.match(match)).state == "awaiting-approval"
        if cancelled:
            await bank.matches.cancel(match)
        approved.set()
        summary = await bank.ended(match)
        assert summary.state == ("aborted" if cancelled else "closed")
        assert summary.hits == (None if cancelled else 2)


async def test_a_match_that_computes_says_how_far_it_is(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo = federation.ngo
        hold_engine_frames(ngo)
        match = await federation.order()

        async def computing() -> bool:
            known = {summary.match: summary for summary in await ngo.matches.matches()}
            progress = known[match].progress if match in known else None
            return progress is not None and 0 < progress.done < progress.total

        await until(computing)
        await ngo.matches.cancel(match)
        assert (await ngo.matches.match(match)).progress is None
