"""A database on a disk that takes nothing for a while, as those who write to it see it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tacita_node.storage import Database
from tests.support.postgresql import rows


@asynccontextmanager
async def read_only(database: Database) -> AsyncIterator[None]:
    """During the block, every write is answered as by a read-only disk."""
    async with database.write() as session:
        writer = (await (await session.connection()).get_raw_connection()).driver_connection
        assert writer is not None
    await writer.execute_fetchall("PRAGMA query_only = 1")
    try:
        yield
    finally:
        await writer.execute_fetchall("PRAGMA query_only = 0")


@asynccontextmanager
async def server_without_room(url: str, table: str, *, state: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """During the block, the server at `url` answers every row that is added to `table` with the SQLSTATE `state`.

    What is yielded says whether any was: a sequence counts them, which no rollback takes back. Each statement runs in a
    thread: it may wait for a transaction of this very loop.
    """

    async def run(statement: str) -> list[tuple[object, ...]]:
        return await asyncio.to_thread(rows, url, statement)

    async def met() -> bool:
        return await run("SELECT is_called FROM met") == [(True,)]

    await run("CREATE SEQUENCE met")
    await run(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('met'); "
        f"RAISE EXCEPTION 'no room' USING ERRCODE = '{state}'; END $$",
    )
    await run(f"CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()")
    try:
        yield met
    finally:
        await run("DROP FUNCTION no_room CASCADE")
        await run("DROP SEQUENCE met")
