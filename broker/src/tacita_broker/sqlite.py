"""SQLite, in a file: how its connections are set up, and how they are called.

There is one writer at a time, which takes the lock at BEGIN (`BEGIN IMMEDIATE`): a deferred transaction that turns into
a writer fails with "locked" under load. Readers have their own connections, which cannot write. A commit that returned
survives a power cut.

The driver has a thread for each connection and would wait for it four times in each statement: for a cursor, for the
statement, for its rows, for the cursor's end. Most of what a small transaction costs is that, so here it waits once.
"""

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.connectors.asyncio import AsyncIODBAPIConnection
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

DRIVER: Final = "sqlite+aiosqlite"
BUSY_MILLISECONDS: Final = 10_000
"""How long a writer waits for another process's transaction."""
POOL_SECONDS: Final = 30
"""How long a transaction waits for a connection."""

_Executing = Callable[[sqlite3.Connection, str, Any], tuple[sqlite3.Cursor, deque[Any]]]


def writer(address: URL) -> AsyncEngine:
    """One connection whose transactions take the writers' lock when they begin."""
    return _engine(address, 1, begin="BEGIN IMMEDIATE", query_only="OFF")


def readers(address: URL, connections: int) -> AsyncEngine:
    """Connections that cannot write."""
    return _engine(address, connections, begin="BEGIN", query_only="ON")


def _engine(address: URL, connections: int, *, begin: str, query_only: str) -> AsyncEngine:
    engine = create_async_engine(
        address,
        module=_Driver(aiosqlite, sqlite3),
        connect_args={"factory": _SqliteConnection},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
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
            f"query_only={query_only}",
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


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A statement with all its rows in one call of the connection's thread. SQLite's own cursor is closed by then."""

    __slots__ = ()

    def _make_new_cursor(self, connection: AsyncIODBAPIConnection) -> Any:
        """None until a statement was executed."""

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        await self._call(_executed, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._call(_executed_many, operation, seq_of_parameters)

    async def _call(self, function: _Executing, operation: str, parameters: Any) -> None:
        driver: Any = self._connection
        call = driver._execute(function, driver._conn, operation, parameters)  # noqa: SLF001 - as SQLAlchemy's own
        self._cursor, self._rows = await call

    async def _async_soft_close(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        self._rows.clear()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        return _Connection(self, super().connect(*arg, **kw).driver_connection)


def _executed(connection: sqlite3.Connection, operation: str, parameters: Any) -> tuple[sqlite3.Cursor, deque[Any]]:
    with contextlib.closing(connection.execute(operation, parameters)) as cursor:
        return cursor, deque(cursor)


def _executed_many(
    connection: sqlite3.Connection, operation: str, parameters: Any
) -> tuple[sqlite3.Cursor, deque[Any]]:
    with contextlib.closing(connection.executemany(operation, parameters)) as cursor:
        return cursor, deque()
