"""SQLite, in a file: how its connections are set up, and how they are called.

- Writers begin with BEGIN IMMEDIATE: a deferred transaction that turns into a writer late fails with "database is
  locked" under load. Readers have their own connections, which cannot write.
- `synchronous=FULL` and WAL: a commit that returned survives a power cut.
- The driver has a thread for each connection and would wait for it four times in each statement: for a cursor, for the
  statement, for its rows, for the cursor's end. Most of what a small transaction costs is that, so here it waits once.
"""

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.connectors.asyncio import AsyncIODBAPIConnection
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another process (the command line issuing a token) before it gives up."""

READER_WAIT_SECONDS = 60.0
"""How long a read waits for the other reads of this process."""

_Executing = Callable[[sqlite3.Connection, str, Any], tuple[sqlite3.Cursor, deque[Any]]]


def writer(path: Path) -> AsyncEngine:
    """One connection whose transactions take the writers' lock when they begin."""
    engine = _engine(path, connections=1)
    _prepare(engine.sync_engine, begin="BEGIN IMMEDIATE", read_only=False)
    return engine


def readers(path: Path, connections: int) -> AsyncEngine:
    """Connections that cannot write."""
    engine = _engine(path, connections=connections)
    _prepare(engine.sync_engine, begin="BEGIN", read_only=True)
    return engine


def alone(path: Path) -> Engine:
    """For what changes the schema, without an event loop. Foreign keys are off, because a table is made anew then."""
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)
    _prepare(engine, begin="BEGIN IMMEDIATE", read_only=False, foreign_keys=False)
    return engine


def _engine(path: Path, *, connections: int) -> AsyncEngine:
    return create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        module=_Driver(aiosqlite, sqlite3),
        connect_args={"factory": _SqliteConnection},
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=READER_WAIT_SECONDS,
    )


def _prepare(engine: Engine, *, begin: str, read_only: bool, foreign_keys: bool = True) -> None:
    def on_connect(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come late and deferred
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA foreign_keys={int(foreign_keys)}")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


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
