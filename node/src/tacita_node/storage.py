"""The node's database, an SQLite file or a PostgreSQL database: one writer, any number of readers.

Every table of every feature registers on `Base.metadata`; `migrations/` holds what brings a database to that shape.

- Writers have an engine of their own with a single connection: two in one process would only wait for each other. They
  queue at a lock before the pool: one that is cancelled while it opens the connection would leave those that wait in
  the pool there until they time out.
- A commit that returned survives a power cut (`sqlite.py`, `postgresql.py`).
- `hide_parameters`: an error of the database never shows a value.
"""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from sqlalchemy import BigInteger, Engine, Integer, MetaData, Text, column, inspect, select, table
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from tacita_node import postgresql, sqlite
from tacita_node.postgresql import DatabaseRefused

READERS = 4

CLOSE_SECONDS = 5.0
"""How long closing waits for sessions that are still open."""

HEAD = "0006"
"""The newest migration. A file that says this needs no migrating, so that Alembic need not even be imported."""


WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number. SQLite's have 64 bits under any name, and only an INTEGER counts up by itself."""

Place = Path | URL
"""Where a database is: an SQLite file, or PostgreSQL's address as `postgresql.check_address` gives it."""

_VERSIONS = "alembic_version"
_REVISION = table(_VERSIONS, column("version_num", Text)).c.version_num
_OWN = "custody_events"
"""A table that a node has and a broker has not."""


class Base(DeclarativeBase):
    """The parent of every table of the node."""

    type_annotation_map: ClassVar = {int: WHOLE}

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


class Database:
    """Sessions on one node's database. `close` gives back every connection.

    Args:
        place: `migrate` must have run on it.
    """

    def __init__(self, place: Place) -> None:
        if isinstance(place, URL):
            self._writer, self._readers = postgresql.writer(place), postgresql.readers(place, READERS)
        else:
            self._writer, self._readers = sqlite.writer(place), sqlite.readers(place, READERS)
        self._writing = async_sessionmaker(self._writer, expire_on_commit=False)
        self._reading = async_sessionmaker(self._readers, expire_on_commit=False)
        self._writes = asyncio.Lock()
        self._open = 0
        self._all_ended = asyncio.Event()
        self._all_ended.set()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction that commits when the block ends and rolls back when it raises.

        It holds the only write lock: do nothing slow in it, nothing on the network, and never open a second one inside.
        """
        async with self._counted(), self._writes, self._writing() as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """One consistent view of the database, which cannot write."""
        async with self._counted(), self._reading() as session:  # closing it ends the transaction
            yield session

    async def close(self) -> None:
        """Closes every connection, when the sessions that are open have ended: theirs would be left open for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._all_ended.wait()
        await self._writer.dispose()
        await self._readers.dispose()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self._open += 1
        self._all_ended.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._all_ended.set()


def place_of(address: str | None, file: Path) -> Place:
    """Where a node's database is, as its settings say. Raises `DatabaseRefused`."""
    return file if address is None else postgresql.check_address(_postgresql(address))


_ADDRESS = re.compile(r"[!#-\[\]-~]{1,1000}")
"""Nothing that a settings file would have to escape."""


def _postgresql(address: str) -> URL:
    with contextlib.suppress(ArgumentError):
        parsed = make_url(address if _ADDRESS.fullmatch(address) else "")
        if parsed.drivername == "postgresql":
            return parsed
    raise postgresql.AddressRefused(
        "the database's address must be postgresql://user@host/database; without one it is a file"
    )


def migrate(place: Place) -> None:
    """Brings the database to the newest shape, making the file when there is none. Blocks; run it before serving.

    Each revision is one transaction, so that a crash leaves nothing half done. Foreign keys are off meanwhile on
    SQLite, where a table is changed by making it anew.

    Raises:
        DatabaseRefused: its server cannot be used, or it holds something else.
    """
    if isinstance(place, Path):
        if _revision_of_file(place) == HEAD:
            return
        engine = sqlite.alone(place)
    else:
        engine = postgresql.alone(place)
        if _revision_on_server(engine, place) == HEAD:
            return
    try:
        with engine.connect() as connection:
            if isinstance(place, URL):
                postgresql.lock_schema(connection)
                connection.commit()
            _upgrade(connection)
    finally:
        engine.dispose()


def check_new(address: str | None) -> None:
    """Whether a new node may have this database. Raises `DatabaseRefused` unless it is empty, on a good server."""
    if address is None:
        return
    place = postgresql.check_address(_postgresql(address))
    engine = postgresql.alone(place)
    if _revision_on_server(engine, place) is not None:
        raise DatabaseRefused("the database holds a node already: give the new node one of its own")


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision_of_file(path: Path) -> str | None:
    if not path.exists():
        return None
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:  # no such table: a file that no migration has touched yet
        return None
    finally:
        connection.close()
    return None if row is None else str(row[0])


def _revision_on_server(engine: Engine, address: URL) -> str | None:
    """The revision; None for an empty database. Raises `DatabaseRefused`."""
    with postgresql.checked(engine, address) as connection:
        tables = set(inspect(connection).get_table_names())
        revision: str | None = connection.scalar(select(_REVISION)) if _VERSIONS in tables else None
    if (revision is None and tables - {_VERSIONS}) or (revision is not None and _OWN not in tables):
        raise DatabaseRefused("the database is not a node's: give the node one of its own")
    return revision
