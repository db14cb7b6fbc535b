"""An event at which this node itself fails, here for a damaged database: recorded, and in nobody's way for ever."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from tacita_node.broker_link import inbox
from tacita_node.data.custody import CustodyEvent
from tacita_node.matching.journal import MatchJournal
from tacita_protocol.api import InboxEventType
from tacita_protocol.statements.statement import unverified
from tests.support.broker_simulator import BrokerSimulator
from tests.support.simulated_federation import NGO, SimulatedFederation, SimulatedMember, simulated_federation, until
from tests.support.single_node import TestClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "TRUST_POLL_SECONDS", 0.05)


@pytest.fixture
async def federation(tmp_path: Path) -> AsyncIterator[SimulatedFederation]:
    clock = TestClock()
    async with simulated_federation(tmp_path, BrokerSimulator(clock), clock) as running:
        yield running


@asynccontextmanager
async def damaged(member: SimulatedMember, table: str) -> AsyncIterator[None]:
    """A table of the node's database is missing for a while."""
    for before, after in ((table, "elsewhere"), ("elsewhere", table)):
        async with member.services.database.write() as session:
            await session.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))
        if after == "elsewhere":
            yield


async def recorded(member: SimulatedMember) -> list[dict[str, str | int]]:
    """Details of the failed events in the custody chain."""
    events = [unverified(CustodyEvent, envelope) for envelope in await member.services.custody.events()]
    return [event.details for event in events if event.type == "event-failed"]


async def settled(federation: SimulatedFederation, member: SimulatedMember) -> None:
    """Everything in the member's inbox was dealt with, so that a restart does not meet it again."""
    services = member.services
    journal = MatchJournal(services.database, services.custody, services.clock)

    async def read() -> bool | None:
        last = federation.broker.inboxes[services.identity.partner][-1].seq
        return True if await journal.cursor() == last else None

    await until(read)


async def test_a_request_that_meets_a_defect_is_recorded_and_passed_over(federation: SimulatedFederation) -> None:
    ngo = federation.ngo
    with capture_logs() as logs:
        async with damaged(ngo, "epochs"):
            failed = await federation.order()
            await until(lambda: failure(ngo))
            await settled(federation, ngo)
    assert await recorded(ngo) == [{"match": failed, "step": "decision"}]
    assert await ngo.summary(failed) is None, "nothing was answered"
    [said] = [entry for entry in logs if entry["event"] == "event-failed"]
    assert (said["log_level"], said["match"], said["step"]) == ("critical", failed, "decision")
    assert said["error"] == "OperationalError"
    assert not ngo.services.stop.is_set()
    assert (await federation.bank.ended(await federation.order(), closed=True)).outcome == "completed"


async def test_an_agreement_that_meets_a_defect_is_recorded_and_passed_over(federation: SimulatedFederation) -> None:
    ngo = federation.ngo
    agreement = federation.broker.inboxes[NGO][0].agreement
    assert agreement is not None
    async with damaged(ngo, "agreements"):
        federation.broker.tell(NGO, InboxEventType.AGREEMENT, agreement=agreement)
        await until(lambda: failure(ngo))
        await settled(federation, ngo)
    assert await recorded(ngo) == [{"agreement": agreement, "step": "agreement"}]


async def test_nothing_is_answered_while_a_revocation_cannot_be_followed(federation: SimulatedFederation) -> None:
    """It may be the asker's."""
    ngo = federation.ngo
    async with damaged(ngo, "revocation_cursor"):
        federation.broker.tell(NGO, InboxEventType.REVOCATION)
        await until(lambda: failure(ngo))
        match = await federation.order()
        with capture_logs() as logs:
            await until(lambda: waiting(logs, match))
        assert await ngo.summary(match) is None
        assert not ngo.services.stop.is_set()
    assert (await federation.bank.ended(match, closed=True)).outcome == "completed"
    await settled(federation, ngo)
    assert await recorded(ngo) == [{"step": "revocation"}], "once, however often it is tried"


async def failure(member: SimulatedMember) -> bool | None:
    return True if await recorded(member) else None


async def waiting(logs: list[MutableMapping[str, Any]], match: str) -> bool | None:
    named = [entry for entry in logs if entry["event"] == "request-waits-for-revocation"]
    return True if any(entry.get("match") == match for entry in named) else None
