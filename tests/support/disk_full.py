"""A node's database on a disk that takes nothing for a while, as its one writing connection sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tacita_node.storage import Database


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
