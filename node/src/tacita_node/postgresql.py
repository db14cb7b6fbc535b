"""PostgreSQL, for a partner that runs one anyway: which addresses and servers are good enough, and its locks.

- One writer at a time, as with SQLite: a transaction that writes takes a lock of the whole database first, and reads
  afterwards what all others have committed (READ COMMITTED; an older snapshot would have been taken before the lock).
  So everything that is right because writers are serial is right on both.
- Readers see one state for as long as their transaction lasts (REPEATABLE READ) and cannot write.
- A commit that returned survives a power cut: `synchronous_commit` is set, and a server without `fsync` is refused.
- An error names its code and the constraint, never a value: the server's own messages quote the row.
- A password never stands in an address: those are in the list of processes, in settings and in backups of them.

The locks end with their connection. Programs that share connections (a pooler between) would break both.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tacita_sdk.loopback import is_loopback

DRIVER: Final = "postgresql+psycopg"
OLDEST: Final = 150_000
"""`server_version_num` of the oldest server: the one of Debian 12."""
LOCK_MILLISECONDS: Final = 10_000
"""How long a writer waits for another process's transaction."""
IDLE_SECONDS: Final = 60
"""After which the server ends a transaction whose client says nothing any more, and with it its lock."""
LEASE_SECONDS: Final = 1.0
"""Between two looks at whether the lease is still held."""
ANSWER_SECONDS: Final = 30.0
"""Within which the server must answer when it is asked whether the lease is still held."""

_LOCKS: Final = 0x5441434E
"""The class of a node's locks among a database's advisory locks: "TACN"."""
_PARAMETERS: Final = frozenset(
    {"host", "port", "passfile", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "channel_binding"}
)
"""What an address may say after `?`, in libpq's words."""


class DatabaseRefused(Exception):
    """The database cannot be used; the message says why and what to do."""


class AddressRefused(DatabaseRefused):
    """The address cannot be one. No server was asked."""


class RunsElsewhere(Exception):
    """Another process runs the node, or may."""


class Lock(IntEnum):
    """What is locked."""

    NODE = 1
    WRITER = 2
    SCHEMA = 3


def check_address(address: URL) -> URL:
    """The address with the driver filled in. A server elsewhere must prove who it is, unless another sslmode is given.

    Raises:
        AddressRefused: it holds a password, names no database, or says more than where and as whom to connect.
    """
    if address.password is not None or {"password", "sslpassword"} & set(address.query):
        raise AddressRefused(
            "the database's address holds a password, which others may read: leave it out and put it into a password "
            "file (~/.pgpass, PGPASSFILE, or ?passfile= in the address)"
        )
    if unknown := sorted(set(address.query) - _PARAMETERS):
        raise AddressRefused(f"the database's address may not say {unknown[0]}: {', '.join(sorted(_PARAMETERS))}")
    if any(not isinstance(value, str) for value in address.query.values()):
        raise AddressRefused("the database's address must name one server, and say each thing once")
    if not address.database:
        raise AddressRefused("the database's address must name the database: postgresql://user@host/database")
    if "sslmode" not in address.query and not _here(address):
        address = address.update_query_dict({"sslmode": "verify-full"})
    return address.set(drivername=DRIVER)


def writer(address: URL) -> AsyncEngine:
    """One connection whose transactions take the writers' lock when they begin."""
    engine = _engine(address, 1, isolation="read committed", read_only="off")

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCKS}, {Lock.WRITER})")

    return engine


def readers(address: URL, connections: int) -> AsyncEngine:
    """Connections that cannot write."""
    return _engine(address, connections, isolation="repeatable read", read_only="on")


def hide_values(engine: Engine) -> Engine:
    """The engine, with errors that do not quote rows. (`hide_parameters` hides what was sent, not what comes back.)"""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        original, told = context.original_exception, context.sqlalchemy_exception
        code = getattr(original, "sqlstate", None)
        if code is None or told is None:  # no answer of the server: a connection that failed
            return
        kind, constraint = type(original), getattr(original, "diag", None)
        safe = f"{code} {getattr(constraint, 'constraint_name', None) or ''}".strip()
        original.args = (safe,)
        told.args = (f"({kind.__module__}.{kind.__name__}) {safe}",)

    return engine


def alone(address: URL) -> Engine:
    """For one connection at a time, that blocks."""
    return hide_values(create_engine(address, connect_args=_connect({}), poolclass=NullPool, hide_parameters=True))


def lock_schema(connection: Connection) -> None:
    """Wait until nobody else changes the schema; until the connection is closed, nobody does."""
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCKS}, {Lock.SCHEMA})")


@contextmanager
def checked(engine: Engine, address: URL) -> Iterator[Connection]:
    """A connection, once it is known that this server keeps what it has committed, and its indexes in order.

    Raises `DatabaseRefused` when it does not, or when it cannot be used.
    """
    try:
        opened = engine.connect()
    except DBAPIError:
        raise unusable(address) from None
    with opened:
        _check_server(opened)
        yield opened


def _check_server(connection: Connection) -> None:
    query = text(
        "SELECT current_setting('server_version_num')::int, current_setting('fsync'), "
        "current_setting('full_page_writes'), pg_encoding_to_char(encoding), datcollate, "
        "to_jsonb(pg_database) ->> 'datlocprovider' FROM pg_database WHERE datname = current_database()"
    )
    version, fsync, pages, encoding, collation, provider = connection.execute(query).one()
    if version < OLDEST:
        raise DatabaseRefused(f"the PostgreSQL server is too old: it must be {OLDEST // 10_000} or newer")
    if (fsync, pages) != ("on", "on"):
        raise DatabaseRefused(
            "the PostgreSQL server may lose what it has committed: set fsync and full_page_writes to on"
        )
    by_bytes = provider == "b" or (provider == "c" and collation in ("C", "POSIX", "C.UTF-8", "C.utf8"))
    if encoding != "UTF8" or not by_bytes:
        raise DatabaseRefused(
            "the database orders text by a language, which changes with the system's libraries and breaks its indexes: "
            "make it with `createdb --template template0 --encoding UTF8 --locale C`"
        )


def unusable(address: URL) -> DatabaseRefused:
    """What to tell when the server is not there, or does not let us in."""
    place = _host(address) or "this machine"
    return DatabaseRefused(
        f"the database {address.database} on {place} does not answer or does not let this node in: check that it "
        "runs, the address, and the password file (the server's log says more)"
    )


class AdvisoryLease:
    """The right to run the node, as a lock of the database, held by a connection of its own and gone with it."""

    def __init__(self, address: URL) -> None:
        self._address = address
        self._connection: AsyncConnection | None = None
        self._engine: AsyncEngine | None = None

    async def take(self) -> None:
        """Take it. Raises `RunsElsewhere` when another process has it."""
        self._engine = create_async_engine(
            self._address,
            connect_args=_connect({}),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )
        try:
            self._connection = await self._engine.connect()
        except DBAPIError:
            raise unusable(self._address) from None
        held = await self._connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCKS}, {Lock.NODE})"))
        if held is not True:
            await self.release()
            raise RunsElsewhere("another process runs this node already")

    async def check(self) -> None:
        """Raises `RunsElsewhere` when the connection that holds the lease is gone, and the lease with it."""
        if self._connection is None:
            raise RunsElsewhere("the lease has not been taken")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connection.execute(text("SELECT 1"))
        except (DBAPIError, TimeoutError):
            raise RunsElsewhere("the database has ended the connection that held the node's lease") from None

    async def release(self) -> None:
        """Give it back. Repeating it changes nothing."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
        if self._engine is not None:
            await self._engine.dispose()


def _engine(address: URL, connections: int, *, isolation: str, read_only: str) -> AsyncEngine:
    settings = {
        "default_transaction_isolation": isolation,
        "default_transaction_read_only": read_only,
        "lock_timeout": str(LOCK_MILLISECONDS),
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    }
    engine = create_async_engine(
        address,
        connect_args=_connect(settings),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=True,
        hide_parameters=True,
        query_cache_size=256,
    )
    hide_values(engine.sync_engine)
    return engine


def _connect(settings: dict[str, str]) -> dict[str, str]:
    """What the server is told about each connection; one whose other end has vanished is noticed within a minute."""
    common = {
        "synchronous_commit": "on",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    told = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in (common | settings).items())
    return {"options": told, "client_encoding": "utf8"}


def _host(address: URL) -> str:
    """Where the server is: a name, an address, or the directory of its socket; empty for the socket's usual one."""
    return str(address.query.get("host", address.host or ""))


def _here(address: URL) -> bool:
    """Whether the connection stays on this machine: libpq also goes where the environment says."""
    host = _host(address)
    if any(os.environ.get(name) for name in ("PGHOSTADDR", "PGSERVICE", *(() if host else ("PGHOST",)))):
        return False
    return not host or host.startswith("/") or is_loopback(host)
