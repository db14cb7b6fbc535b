"""Promise 17: however many matches and polls, a federation holds as many descriptors and as much memory as before.

Broker, two nodes and two witnesses in one process, over real connections, so that one reading tells of all of them.
Readings are taken after a warm-up that has filled every pool and cache. Whatever stayed behind once for each match or
each poll would show as often as there were matches or polls; the bounds lie far below that and far above what comes and
goes by itself.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tacita_broker.storage import Database as BrokerDatabase
from tacita_node.storage import Database as NodeDatabase
from tests.support.broker_over_tcp import lines_to, on_a_port
from tests.support.held import Held
from tests.support.match_federation import MatchFederation, loaded_federation
from tests.support.match_steps import closed
from tests.support.scale import SOAKING, runs

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(4 * 3600 if SOAKING else 300)]

WARM_UP = runs(test=2, soak=200)
MATCHES = runs(test=6, soak=1_800)
POLLS_PER_MATCH = 10
SECONDS_PER_MATCH = runs(test=0, soak=1)
"""In the soak: thirty minutes at ten times the usual rate, which is six matches a minute for a federation of two."""
FILES = TASKS = MATCHES // 2
SOCKETS = 24
"""Connections are kept open for some seconds, and close by themselves: so many more or less say nothing."""
OBJECTS_PER_MATCH = 200
"""A finished match that stays in memory with its session and statements has more."""
RESIDENT_BYTES = 48 * 2**20
"""In the soak only: what an allocator keeps depends on more than on us, and shows its trend only after long."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_memory_and_descriptors_stay_flat(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    async with (
        loaded_federation(tmp_path) as federation,
        on_a_port(federation.broker) as port,
        lines_to(port, federation),
    ):
        await fill_the_pools(federation)
        await work(federation, WARM_UP)
        before = await rest(federation)
        await work(federation, MATCHES)
        after = await rest(federation)
    report = f"{before} before, {after} after {MATCHES} matches and {MATCHES * POLLS_PER_MATCH} polls"
    record_property("matches", MATCHES)
    record_property("descriptors_more", after.files + after.sockets - before.files - before.sockets)
    record_property("resident_bytes_more", after.resident - before.resident)
    assert after.tasks <= before.tasks + TASKS, report
    assert after.files <= before.files + FILES, report
    assert after.sockets <= before.sockets + SOCKETS, report
    assert after.objects <= before.objects + OBJECTS_PER_MATCH * MATCHES, report
    if SOAKING:
        assert after.resident <= before.resident + RESIDENT_BYTES, report


async def fill_the_pools(federation: MatchFederation) -> None:
    """Every connection to a database that may ever be open is open from now on."""
    databases: tuple[BrokerDatabase | NodeDatabase, ...] = (
        federation.broker.database,
        federation.bank.running.database,
        federation.ngo.running.database,
    )
    for database in databases:
        everybody_reads = asyncio.Barrier(4)

        await asyncio.gather(*(read(database, everybody_reads) for _ in range(4)))


async def read(database: BrokerDatabase | NodeDatabase, together: asyncio.Barrier) -> None:
    async with database.read():
        await together.wait()


async def work(federation: MatchFederation, matches: int) -> None:
    """Matches one after the other, with polls of both nodes that bring nothing."""
    for _ in range(matches):
        started = time.monotonic()
        match = await federation.order()
        for member in (federation.bank, federation.ngo):
            await closed(member, match)
            for _ in range(POLLS_PER_MATCH // 2):
                assert await member.running.broker.inbox(10**9, wait=0)
        await asyncio.sleep(max(0.0, SECONDS_PER_MATCH - (time.monotonic() - started)))


async def rest(federation: MatchFederation) -> Held:
    """A reading once the last match has left no task behind."""
    for member in (federation.bank, federation.ngo):
        await asyncio.gather(*member.matches._jobs._tasks.values())
    return Held.now()
