"""Following an inbox whose broker numbers events wrongly, and requests that come before this node can verify them."""

from pathlib import Path

import httpx2
import pytest

from tacita_node.broker_link import inbox
from tacita_node.matching.journal import MatchJournal
from tacita_protocol.api import Inbox
from tests.integration.node.test_lifecycle_agreements import read_to_the_end
from tests.support.lying_broker import lying, unwitnessed, with_decision
from tests.support.match_federation import Member, Send, loaded_federation, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(inbox, "LONGEST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(inbox, "TRUST_POLL_SECONDS", 0)


async def cursor_of(member: Member) -> int:
    services = member.running
    return await MatchJournal(services.database, services.custody, services.clock).cursor()


async def test_events_that_skip_numbers_do_not_make_later_ones_lost(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo, lies = federation.ngo, [0]

        async def far_ahead(request: httpx2.Request, send: Send) -> httpx2.Response:
            response = await send()
            if request.url.path != "/v1/inbox" or response.status_code != 200:
                return response
            told = Inbox.model_validate_json(await response.aread())
            events = tuple(event.model_copy(update={"seq": 2**53 - 1}) for event in told.events)
            lies[0] += len(events)
            body = Inbox(events=events, next=2**53 - 1).model_dump_json().encode()
            return httpx2.Response(200, stream=httpx2.ByteStream(body))

        await ngo.stop()
        ngo.line.on = far_ahead
        await ngo.start()
        match = await federation.order()
        await until(lambda: lies[0] > 0)
        ngo.line.on = None
        assert (await federation.bank.ended(match)).outcome == "completed"


async def test_a_request_waits_for_the_trust_file_and_agreements_do_not_wait_for_it(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo = federation.ngo
        await read_to_the_end(federation, ngo)
        await ngo.stop()
        trust = ngo.directory.trust.read_bytes()
        ngo.directory.trust.unlink()
        match = await federation.order()
        await until_granted(federation.bank, match)
        await ngo.start()
        before = await cursor_of(ngo)
        await federation.agree()  # a proposal that comes after the request
        await ngo.stop()
        await ngo.start()
        assert await cursor_of(ngo) <= before, "the request is asked for again after a restart"
        ngo.directory.trust.write_bytes(trust)
        assert (await federation.bank.ended(match)).outcome == "completed"
        await until_moved(ngo, before)


async def test_nothing_is_kept_of_a_strangers_request_that_the_log_does_not_know(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank, ngo = federation.bank, federation.ngo
        await bank.running.agreements.partners.confirm(ngo.identity.partner, ngo.identity.fingerprint)
        ngo.line.on = lying(
            federation,
            lambda view: with_decision(
                view, lambda decision: decision.model_copy(update={"logged": unwitnessed(decision.logged)})
            ),
        )
        before = await cursor_of(ngo)
        match = await federation.order()
        await until_granted(bank, match)
        await until_moved(ngo, before)
        assert await ngo.matches.matches() == []


async def until_granted(member: Member, match: str) -> None:
    async def granted() -> bool:
        return (await member.matches.match(match)).state == "granted"

    await until(granted)


async def until_moved(member: Member, before: int) -> None:
    async def moved() -> bool:
        return await cursor_of(member) > before

    await until(moved)
