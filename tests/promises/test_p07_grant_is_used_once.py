"""Promise 7: a grant is used once, whoever races for it, and also after a restart."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from tacita_node.matching.tables import MatchRow
from tacita_protocol.api import InboxEvent, InboxEventType
from tests.support.match_federation import Member, Send, loaded_federation, until

pytestmark = pytest.mark.anyio

RACERS = 200


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_two_hundred_racers_make_one_acceptance_before_and_after_a_restart(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank, ngo = federation.bank, federation.ngo
        accepted: list[bytes] = []

        async def note(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path.endswith("/acceptance"):
                accepted.append(request.content)
            return await send()

        ngo.line.on = note
        await ngo.stop()
        match = await federation.order()
        await until(lambda: _granted(bank, match))
        await ngo.start()
        await _race(ngo, match)
        assert (await bank.ended(match)).outcome == "completed"
        await ngo.ended(match)
        await ngo.stop()
        await ngo.start()
        await _race(ngo, match)
        async with ngo.running.database.read() as session:
            rows = list(await session.scalars(select(MatchRow)))
        assert [(row.match, row.units, row.state) for row in rows] == [(match, 64, "closed")]
        assert len(set(accepted)) == 1


async def _race(member: Member, match: str) -> None:
    event = InboxEvent(seq=1, type=InboxEventType.DECISION, match=match, agreement=None)
    await asyncio.gather(*(member.matches.notify(event) for _ in range(RACERS)))


async def _granted(member: Member, match: str) -> bool:
    return (await member.matches.match(match)).state == "granted"
