"""Promise 6: nothing can be learned before the opening is witnessed, and no result is shown before the closing is."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tacita_node.problems import ProblemError
from tacita_protocol.api import LoggedClosing, LoggedDecision, MatchView
from tests.support.lying_broker import lying, unwitnessed, with_decision
from tests.support.match_federation import Send, loaded_federation, until
from tests.support.match_steps import find

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def unwitnessed_opening(view: MatchView) -> MatchView:
    def change(decision: LoggedDecision) -> LoggedDecision:
        return decision.model_copy(update={"logged": unwitnessed(decision.logged)})

    return with_decision(view, change)


def unwitnessed_closing(view: MatchView) -> MatchView:
    if view.closing is None:
        return view
    lie = view.closing.model_copy(update={"logged": unwitnessed(view.closing.logged)})
    return view.model_copy(update={"closing": lie})


def opening_as_closing(view: MatchView) -> MatchView:
    if view.closing is None or view.decision is None:
        return view
    lie: LoggedClosing = view.closing.model_copy(update={"logged": view.decision.logged})
    return view.model_copy(update={"closing": lie})


def closing_without_receipts(view: MatchView) -> MatchView:
    if view.closing is None:
        return view
    empty = view.closing.receipts.model_copy(update={"requester": None, "responder": None})
    return view.model_copy(update={"closing": view.closing.model_copy(update={"receipts": empty})})


async def test_the_asked_side_answers_nothing_before_the_opening_is_witnessed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        federation.ngo.line.on = lying(federation, unwitnessed_opening)
        match = await federation.order()
        answered = await federation.ngo.ended(match, closed=False)
        assert (answered.state, [reason.code for reason in answered.reasons]) == ("aborted", ["decision-not-proven"])
        assert (await federation.bank.ended(match)).hits is None


async def test_the_asking_side_sends_nothing_before_the_opening_is_witnessed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        federation.bank.line.on = lying(federation, unwitnessed_opening)
        summary = await federation.bank.ended(await federation.order(), closed=False)
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("aborted", ["decision-not-proven"])


@pytest.mark.parametrize("lie", [unwitnessed_closing, opening_as_closing, closing_without_receipts])
async def test_no_hit_is_shown_on_a_closing_that_is_not_proven(tmp_path: Path, lie: object) -> None:
    assert callable(lie)
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        bank.line.on = lying(federation, lie)
        match = await federation.order()
        await federation.ngo.ended(match)

        async def refused() -> bool:
            return [reason.code for reason in (await bank.matches.match(match)).reasons] == ["closing-not-proven"]

        await until(refused)
        summary = await bank.matches.match(match)
        assert (summary.state, summary.closed, summary.hits) == ("closing", False, None)
        bank.line.on = None
        assert (await bank.ended(match)).hits == 2


async def test_no_hit_is_shown_before_the_closing_is_proven(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        receipt_sent = asyncio.Event()

        async def hide_the_closing(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path.endswith("/receipt"):
                receipt_sent.set()
            elif receipt_sent.is_set() and request.method == "GET" and "/matches/" in request.url.path:
                raise httpx2.ConnectError("down", request=request)
            return await send()

        bank.line.on = hide_the_closing
        match = await federation.order()

        async def looked() -> bool:
            row = await find(bank, match)
            return row is not None and row.hits_sealed is not None

        await federation.ngo.ended(match)
        summary = await bank.matches.match(match)
        assert (summary.state, summary.closed, summary.hits) == ("closing", False, None)
        with pytest.raises(ProblemError) as refused:
            await bank.matches.hits(match)
        assert refused.value.status == 409
        await until(looked)
        await bank.stop()
        bank.line.on = None
        await bank.start()
        assert (await bank.ended(match)).hits == 2
