"""Silent hits and matches in which both learn: restarts at every stage, budgets and policy at whoever is tested."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tacita_node.problems import ProblemError
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_protocol.statements.vocabulary import Sensitivity
from tests.support.match_federation import IBANS, NGO, Member, Send, loaded_federation, until
from tests.support.match_steps import find, hold_engine_frames, receipts_of, state_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("result_to", ["owner", "both"])
@pytest.mark.parametrize("who", ["bank", "ngo"])
async def test_a_node_that_restarts_in_the_middle_aborts_with_a_receipt(
    tmp_path: Path, result_to: str, who: str
) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        restarted, other = (bank, ngo) if who == "bank" else (ngo, bank)
        hold_engine_frames(bank)
        match = await federation.order(result_to=result_to, sensitivity="financial")
        await state_of(bank, match, "matching")
        await state_of(ngo, match, "matching")
        await restarted.stop()
        await restarted.start()
        aborted, left = await restarted.ended(match), await other.ended(match)
        assert (aborted.state, aborted.outcome, aborted.hits) == ("aborted", "aborted", None)
        assert [reason.code for reason in aborted.reasons] == ["node-restarted"]
        assert [reason.code for reason in left.reasons] == ["peer-ended"]
        receipt = (await receipts_of(restarted))[match]
        runs = 2 if result_to == "both" else 1
        assert (receipt.status, receipt.elements_charged) == (ReceiptStatus.ABORTED, runs * 64)
        row = await find(bank, match)
        assert row is not None
        assert row.units == 64  # the engine had been let loose on the bank's book


async def test_a_first_result_is_not_looked_at_before_the_second_run_has_ended(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        second_run = hold_second_run(ngo)
        match = await federation.order(result_to="both", sensitivity="financial")
        await second_run.wait()
        await bank.stop()
        await bank.start()
        ngo.line.on = None
        left = await ngo.ended(match)
        assert (left.state, left.hits) == ("aborted", None)
        row = await find(ngo, match)
        assert row is not None
        assert (row.hits_sealed, await ngo.running.blobs.names("results")) == (None, [])


async def test_a_result_that_a_crash_took_is_called_lost_and_nothing_else_changes(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        posting = asyncio.Event()

        async def stuck(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path.endswith("/receipt"):
                posting.set()
                await asyncio.Event().wait()
            return await send()

        ngo.line.on = stuck
        match = await federation.order(result_to="owner", sensitivity="financial")
        await posting.wait()
        row = await find(ngo, match)
        assert row is not None
        assert (row.state, row.receipt is None, row.hits_sealed) == ("closing", False, None)
        await ngo.stop()
        ngo.line.on = None
        await ngo.start()
        lost, asked = await ngo.ended(match), await bank.ended(match)
        assert (lost.state, lost.outcome, lost.hits) == ("closed", "completed", None)
        assert [reason.code for reason in lost.reasons] == ["result-lost"]
        assert (asked.state, asked.outcome, asked.reasons) == ("closed", "completed", ())
        with pytest.raises(ProblemError) as refused:
            await ngo.matches.hits(match)
        assert refused.value.code == "not-released"


async def test_a_silent_hit_waits_for_the_closing_like_any_other(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo

        async def keep_back(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path.endswith("/receipt"):
                raise httpx2.ConnectError("down", request=request)
            return await send()

        bank.line.on = keep_back
        match = await federation.order(result_to="owner", sensitivity="financial")

        async def looked() -> bool:
            row = await find(ngo, match)
            return row is not None and row.hits_sealed is not None

        await until(looked)
        with pytest.raises(ProblemError) as refused:
            await ngo.matches.hits(match)
        assert refused.value.code == "not-released"
        bank.line.on = None
        assert (await ngo.ended(match)).hits == 2


async def test_the_asker_counts_what_the_owner_may_test_also_across_a_restart(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank, ngo = federation.bank, federation.ngo
        await federation.agree(units=150)
        for result_to in ("owner", "both"):
            match = await federation.order(result_to=result_to, sensitivity="financial")
            assert (await bank.ended(match)).outcome == "completed"
            await ngo.ended(match)
        await bank.stop()
        await bank.start()
        with pytest.raises(ProblemError) as refused:
            await federation.order(result_to="owner", sensitivity="financial")
        assert (refused.value.status, refused.value.code) == (403, "own-policy")
        assert "cap" in refused.value.detail
        assert len(await bank.matches.matches()) == 2
        # The owner has counted the one run in which its own set was tested, and nothing of the silent hit.
        assert (await bank.ended(await federation.order())).outcome == "completed"
        assert (await bank.ended(await federation.order())).outcome == "refused"


async def test_two_orders_at_once_do_not_count_on_the_same_rest(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        await federation.agree(units=100)
        orders = (federation.order(result_to="owner", sensitivity="financial") for _ in range(4))
        results = await asyncio.gather(*orders, return_exceptions=True)
        refused = [result for result in results if isinstance(result, ProblemError)]
        assert [error.code for error in refused] == ["own-policy"] * 3


async def test_what_was_reserved_and_never_evaluated_is_given_back(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank, ngo = federation.bank, federation.ngo
        await federation.agree(units=100)
        await ngo.load("accounts", Kind.ACCOUNT, IBANS[:1], publish=False)
        await ngo.stop()
        match = await federation.order(result_to="owner", sensitivity="financial")
        await state_of(bank, match, "granted")
        await bank.matches.cancel(match)
        await ngo.start()
        again = await federation.order(result_to="owner", sensitivity="financial")
        assert (await bank.ended(again)).outcome == "completed"


@pytest.mark.parametrize("result_to", ["owner", "both"])
async def test_own_data_about_possible_victims_is_tested_by_nobody(tmp_path: Path, result_to: str) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        for said in ({"sensitivity": "possible-victim"}, {}):
            if not said:  # a card says it as well as an order does
                await bank.load("book", Kind.ACCOUNT, IBANS[4:5], sensitivity=Sensitivity.POSSIBLE_VICTIM)
            with pytest.raises(ProblemError) as refused:
                await federation.order(result_to=result_to, **said)
            assert (refused.value.status, refused.value.code) == (403, "own-policy")
            assert "possible victims" in refused.value.detail
        with pytest.raises(ProblemError) as refused:
            await federation.order(result_to=result_to, sensitivity="ordinary")
        assert refused.value.code == "sensitivity-differs"
        assert await bank.matches.matches() == []


async def test_a_set_that_is_tested_needs_an_agreement(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank, ngo = federation.bank, federation.ngo
        await bank.running.agreements.partners.confirm(NGO, ngo.identity.fingerprint)
        with pytest.raises(ProblemError) as refused:
            await federation.order(result_to="owner", sensitivity="financial")
        assert (refused.value.status, "No agreement" in refused.value.detail) == (403, True)


def hold_second_run(owner: Member) -> asyncio.Event:
    """Of a match in which both learn, the owner's frames of the second run never get out. Set when that is reached."""
    reached = asyncio.Event()

    async def hold(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.method == "PUT" and request.url.path.endswith("/frames/responder/2"):
            reached.set()
            await asyncio.Event().wait()
        return await send()

    owner.line.on = hold
    return reached
