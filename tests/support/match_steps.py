"""Steps of scenes with a match federation: hold a node at a point, wait for a state, look into its database."""

import asyncio

import httpx2
from sqlalchemy import func, select

from tacita_node.matching.tables import MatchRow
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import verify_statement
from tacita_sdk.node_api import MatchSummary
from tests.support.match_federation import Member, Send, until


def hold_engine_frames(member: Member) -> None:
    """Frames after the confirmation never get out of this member."""

    async def hold(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.method == "PUT" and "/frames/" in request.url.path and not request.url.path.endswith("/0"):
            await asyncio.Event().wait()
        return await send()

    member.line.on = hold


async def state_of(member: Member, match: str, state: str) -> None:
    async def reached() -> bool:
        row = await find(member, match)
        return row is not None and row.state == state

    await until(reached)


async def find(member: Member, match: str) -> MatchRow | None:
    async with member.running.database.read() as session:
        return await session.get(MatchRow, match)


async def rows(member: Member) -> int:
    async with member.running.database.read() as session:
        return (await session.execute(select(func.count()).select_from(MatchRow))).scalar_one()


async def receipts_of(member: Member) -> dict[str, Receipt]:
    """Own receipts, verified."""
    async with member.running.database.read() as session:
        found = list(await session.scalars(select(MatchRow)))
    key = member.identity.keys.signing.verify_key
    return {row.match: verify_statement(Receipt, row.receipt, key).body for row in found if row.receipt is not None}


async def closed(member: Member, match: str) -> MatchSummary:
    """The match once its closing is verified at this node, without looking often. The test's own time is the limit."""
    while True:
        row = await find(member, match)
        if row is not None and row.closed:
            return await member.matches.match(match)
        await asyncio.sleep(0.2)
