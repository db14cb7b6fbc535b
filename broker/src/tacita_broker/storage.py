"""The broker's database: two engines on one SQLite file, and the schema's version.

Writers take the lock at BEGIN (`BEGIN IMMEDIATE`): a deferred transaction that turns into a writer fails with "locked"
under load. One connection writes, and writers of this process queue for it at a lock before the pool: one that is
cancelled while it opens the connection would leave those that wait in the pool there until they time out. Other
processes (the commands of an administrator) wait on SQLite's own lock. Readers have their own connections, which cannot
write.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, MetaData, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

from tacita_broker.errors import ConfigurationRefused

SCHEMA_HEAD: Final = "0003"
"""The newest revision in `migrations/versions`. Compared by a query, so that a start does not import Alembic."""
BUSY_MILLISECONDS: Final = 10_000
"""How long a writer waits for another process's transaction."""
READERS: Final = 4
"""Connections that read."""


class Base(DeclarativeBase):
    """Base of all tables of the broker."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """Sessions for reading and for writing. Nothing is held open between calls but pooled connections."""

    def __init__(self, url: str) -> None:
        parsed = parse_url(url)
        self._writer = _engine(parsed, begin="BEGIN IMMEDIATE", query_only=False, connections=1)
        self._reader = _engine(parsed, begin="BEGIN", query_only=True, connections=READERS)
        self._writes = asyncio.Lock()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that may write; committed (and synced) on a clean exit, rolled back on an exception.

        Never await the network inside: every other writer waits.
        """
        async with self._writes, AsyncSession(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that sees one state and cannot write."""
        async with AsyncSession(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    async def revision(self) -> str | None:
        """The schema's revision; None for a database without one."""
        try:
            async with self.read() as session:
                return (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
        except OperationalError:
            return None

    async def close(self) -> None:
        """Give the connections back."""
        await self._writer.dispose()
        await self._reader.dispose()


def parse_url(url: str) -> URL:
    """The database's URL with the async driver filled in. Raises `ConfigurationRefused`."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationRefused("the database must be given as an SQLAlchemy URL, as sqlite:////path/file") from None
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationRefused("this version keeps its database in SQLite only")
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationRefused("the database must be a file")
    return parsed.set(drivername="sqlite+aiosqlite")


def database_file(url: str) -> Path:
    """The file that a database URL names."""
    return Path(str(parse_url(url).database))


def _engine(url: URL, *, begin: str, query_only: bool, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        connect_args={"factory": _SqliteConnection},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=30,
        hide_parameters=True,
        query_cache_size=256,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_MILLISECONDS}",
            "trusted_schema=OFF",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _SqliteConnection(sqlite3.Connection):
    """A connection whose lock ends with it: when its task was cancelled in the middle of a statement, it is closed.

    SQLite itself keeps a closed connection, with its transaction, as long as a cursor of it is known, and the cancelled
    task's traceback knows one: what that task still writes, to say how it ended, would wait for its own lock.
    """

    def close(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # of a disk that fails; what matters then is that it closes
            self.rollback()
        super().close()
