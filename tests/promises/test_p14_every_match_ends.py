"""Promise 14: every match ends, complete or aborted with a record, whatever the network does.

Both nodes and the witnesses reach the broker through a proxy that delays, resets, repeats and falls silent. A match has
ended when both nodes have verified its closing in the log, and then it ended the same way for both and for the log.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from tacita_broker.log.tables import LogEntryRow
from tacita_broker.matches.tables import MatchRow as BrokerRow
from tacita_node.matching.export import audit_export
from tacita_protocol.api import LoggedClosing, MatchState, parse_body
from tacita_sdk.errors import SdkError
from tacita_sdk.verify import open_log, verify_audit
from tests.support.broker_over_tcp import lines_to, on_a_port
from tests.support.fault_proxy import Fate, FaultProxy, Weather
from tests.support.match_federation import MatchFederation, loaded_federation
from tests.support.match_steps import closed
from tests.support.scale import SEED, SOAKING, runs

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(4 * 3600 if SOAKING else 300)]

CALM = Weather(seed=0, latency_seconds=0, resets=0, duplicates=0, half_open=0, silence_seconds=0.2)
ENDS = {"completed", "incomplete", "disputed", "aborted", "refused", "denied"}
FATES = {
    "reset": {Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.RESET_WITHIN},
    "twice": {Fate.TWICE_FIRST, Fate.TWICE_SECOND},
    "half-open": {Fate.SILENT, Fate.HALF_CLOSED},
}
MATCHES = runs(test=6, soak=200)
AT_ONCE = runs(test=6, soak=24)
DENIED_EACH = 6
"""Of so many matches, one is for a purpose that the agreement does not know."""
# In the soak as promised: up to five seconds each way, and silence until the other side gives up by itself.
WEATHER = (
    Weather(seed=SEED, latency_seconds=5.0) if SOAKING else Weather(seed=SEED, latency_seconds=0.1, silence_seconds=0.5)
)
LONGEST_SECONDS = runs(test=150, soak=3 * 3_600)
"""For the storm to end; the promise is about ending, not about how soon."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Place:
    """A federation whose broker is reached on a port."""

    federation: MatchFederation
    port: int
    log: Path


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    root = tmp_path_factory.mktemp("p14")
    async with loaded_federation(root) as federation, on_a_port(federation.broker) as port:
        yield Place(federation, port, root / "broker" / "log")


@pytest.mark.parametrize("bad", [Fate.RESET_AFTER, Fate.TWICE_SECOND])
async def test_a_match_completes_though_each_request_goes_wrong_at_first(place: Place, bad: Fate) -> None:
    seen: Counter[str] = Counter()

    def first_time(line: str) -> Fate:
        seen[line] += 1
        return bad if seen[line] == 1 else Fate.PASSED

    federation = place.federation
    async with FaultProxy(place.port, CALM, first_time) as proxy, lines_to(proxy.port, federation):
        match = await federation.order()
        asked, answered = await closed(federation.bank, match), await closed(federation.ngo, match)
        assert (asked.outcome, asked.hits, answered.outcome) == ("completed", 2, "completed")
        assert proxy.counts[bad] > 1


async def test_every_match_ends_once_in_any_weather(
    place: Place, record_property: Callable[[str, object], None]
) -> None:
    federation, places = place.federation, asyncio.Semaphore(AT_ONCE)
    async with FaultProxy(place.port, WEATHER) as proxy, lines_to(proxy.port, federation):

        async def one(number: int) -> str:
            async with places:
                return await one_outcome(
                    federation, "agency-check" if number % DENIED_EACH == 1 else "payment-screening"
                )

        async with asyncio.timeout(LONGEST_SECONDS):
            outcomes = await asyncio.gather(*(one(number) for number in range(MATCHES)))
        for kind, fates in FATES.items():
            assert sum(proxy.counts[fate] for fate in fates) > 0, kind
    assert set(outcomes) <= ENDS
    record_property("matches", MATCHES)
    record_property("completed", outcomes.count("completed"))
    record_property("requests_that_went_wrong", proxy.counts.total() - proxy.counts[Fate.PASSED])
    await audited(place)


async def one_outcome(federation: MatchFederation, purpose: str) -> str:
    """Orders a match; how it ended, which is the same for both nodes and for the log."""
    while True:
        try:
            match = await federation.order(purpose=purpose)
        except SdkError:  # the catalogue could not be had: there is no match yet
            continue
        break
    asked = await closed(federation.bank, match)
    async with federation.broker.database.read() as session:
        row = await session.get_one(BrokerRow, match)
    assert row.state == MatchState.CLOSED.value
    assert row.closing is not None
    parse_body(LoggedClosing, row.closing.encode())
    if row.granted:
        assert (await closed(federation.ngo, match)).outcome == asked.outcome
    else:
        assert asked.outcome == "denied"
    assert asked.outcome is not None
    return asked.outcome


async def audited(place: Place) -> None:
    """Two entries in the log for each match, and an auditor with both exports finds that both tell the same."""
    members = (place.federation.bank, place.federation.ngo)
    trust = members[0].running.trust
    assert trust is not None
    exports = [await audit_export(member.running) for member in members]
    assert await asyncio.to_thread(verify_audit, trust, open_log(str(place.log)), exports)
    async with place.federation.broker.database.read() as session:
        matches = list(await session.scalars(select(BrokerRow.match)))
        entries = await session.scalars(
            select(LogEntryRow.reference).where(LogEntryRow.reference.like("%:" + "_" * 32), LogEntryRow.position >= 0)
        )
        references = Counter(entries)
    assert all(references[name] == 1 for match in matches for name in (f"opening:{match}", f"closing:{match}"))
