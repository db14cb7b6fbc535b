"""A refusal is on its way while the asker gives the match up: both believe the broker's record of that."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tacita_node.matching.export import audit_export
from tacita_sdk.verify import open_log, verify_audit
from tests.support.match_federation import Send, loaded_federation
from tests.support.match_steps import state_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_refusal_that_comes_after_the_abort_is_not_waited_for(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        await federation.confirm()
        bank, ngo = federation.bank, federation.ngo
        aborted = asyncio.Event()

        async def hold(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path.endswith("/refusal"):
                await aborted.wait()
            return await send()

        async def watch(request: httpx2.Request, send: Send) -> httpx2.Response:
            response = await send()
            if request.url.path.endswith("/receipt") and response.is_success:
                aborted.set()
            return response

        ngo.line.on = hold
        bank.line.on = watch
        match = await federation.order()
        await state_of(ngo, match, "refused")
        await state_of(bank, match, "granted")
        await bank.matches.cancel(match)
        asked, owned = await bank.ended(match), await ngo.ended(match)
        assert (asked.state, asked.outcome, owned.state, owned.outcome) == ("aborted", "aborted", "refused", "aborted")
        exports = [await audit_export(member.running) for member in (bank, ngo)]
        trust = bank.running.trust
        assert trust is not None
        await asyncio.to_thread(verify_audit, trust, open_log(str(tmp_path / "broker" / "log")), exports)
