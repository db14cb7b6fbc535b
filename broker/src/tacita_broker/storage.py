"""The broker's database: a file (`sqlite.py`) or on a server (`postgresql.py`), and the schema's version.

There is one writer at a time. One connection writes, and writers of this process queue for it at a lock before the
pool: one that is cancelled while it opens the connection would leave those that wait in the pool there until they time
out. Other processes (the commands of an administrator) wait on the database's own lock. Readers have their own
connections, which cannot write.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final

from sqlalchemy import (
    URL,
    BigInteger,
    Integer,
    MetaData,
    Text,
    column,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from tacita_broker import postgresql, sqlite
from tacita_broker.errors import ConfigurationRefused

SCHEMA_HEAD: Final = "0004"
"""The newest revision in `migrations/versions`. Compared by a query, so that a start does not import Alembic."""
READERS: Final = 4
"""Connections that read."""
WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number. SQLite's have 64 bits under any name, and only an INTEGER counts up by itself."""


class Base(DeclarativeBase):
    """Base of all tables of the broker."""

    type_annotation_map: ClassVar = {int: WHOLE}
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
        self._address = parsed = parse_url(url)
        if is_sqlite(parsed):
            self._writer, self._reader = sqlite.writer(parsed), sqlite.readers(parsed, READERS)
        else:
            self._writer, self._reader = postgresql.writer(parsed), postgresql.readers(parsed, READERS)
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
        async with AsyncSession(self._reader) as session:  # closing it ends the transaction
            yield session

    async def check(self) -> None:
        """Raises `ConfigurationRefused` when the database is on a server that cannot be used, or is not good enough."""
        if not is_sqlite(self._address):
            await postgresql.check_server(self._reader, self._address)

    async def revision(self) -> str | None:
        """The schema's revision; None for a database that is empty.

        Raises `ConfigurationRefused` when the server cannot be used, or the database holds something else.
        """
        await self.check()
        async with self.read() as session:
            connection = await session.connection()
            tables = set(await connection.run_sync(lambda opened: inspect(opened).get_table_names()))
            revision: str | None = None
            if _VERSIONS in tables:
                revision = await session.scalar(select(_REVISION))
        if (revision is None and tables - {_VERSIONS}) or (revision is not None and _OWN not in tables):
            raise ConfigurationRefused("the database is not a broker's: give the broker one of its own")
        return revision

    async def close(self) -> None:
        """Give the connections back."""
        await self._writer.dispose()
        await self._reader.dispose()


_VERSIONS: Final = "alembic_version"
_REVISION: Final = table(_VERSIONS, column("version_num", Text)).c.version_num
_OWN: Final = "log_head"
"""A table that a broker has and a node has not."""


def parse_url(url: str) -> URL:
    """The database's URL with the async driver filled in. Raises `ConfigurationRefused`."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationRefused("the database must be given as an SQLAlchemy URL, as sqlite:////path/file") from None
    if parsed.drivername == "postgresql":
        return postgresql.check_address(parsed)
    if parsed.drivername != "sqlite":
        raise ConfigurationRefused(
            "the database must be SQLite (sqlite:////path/file) or PostgreSQL (postgresql://...)"
        )
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationRefused("the database must be a file")
    return parsed.set(drivername=sqlite.DRIVER)


def is_sqlite(address: URL) -> bool:
    """Whether the database is a file on this machine."""
    return address.get_backend_name() == "sqlite"


def database_file(url: str) -> Path | None:
    """The file that a database URL names; None when it is not a file."""
    address = parse_url(url)
    return Path(str(address.database)) if is_sqlite(address) else None
