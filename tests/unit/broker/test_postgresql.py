"""PostgreSQL under a broker: what is accepted as one, its schema, and that one writes at a time."""

import asyncio
from contextlib import suppress

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import BigInteger, Integer, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from tacita_broker.access.tables import NonceRow
from tacita_broker.directory import migrate
from tacita_broker.errors import ConfigurationRefused, LeaseLost
from tacita_broker.log.lease import lease_of
from tacita_broker.migrations.upgrade import upgrade
from tacita_broker.storage import SCHEMA_HEAD, Base, Database, parse_url
from tacita_broker.tables import TABLES
from tacita_node.storage import migrate as migrate_node
from tacita_node.storage import place_of
from tests.support.interruption import Interrupted, interrupted_after
from tests.support.postgresql import PostgresServer, rows
from tests.unit.broker.test_storage import EARLIER

SECRET = "hunter2-and-more"


def test_migrations_make_exactly_the_models_tables(served: str) -> None:
    engine = create_engine(parse_url(served))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == SCHEMA_HEAD
        assert compare_metadata(context, Base.metadata) == []
        assert {table.__tablename__ for table in TABLES} == set(Base.metadata.tables)
        columns = [column for name in Base.metadata.tables for column in inspect(connection).get_columns(name)]
        numbers = [column["type"] for column in columns if isinstance(column["type"], Integer)]
        assert len(numbers) > 20
        assert all(isinstance(number, BigInteger) for number in numbers)  # partners send numbers above 2^31
    engine.dispose()


@pytest.mark.parametrize("done", [1, 20, 37, 48])
def test_a_migration_that_was_interrupted_goes_on(postgresql: PostgresServer, done: int) -> None:
    url = postgresql.database()
    with interrupted_after(done), suppress(Interrupted):
        upgrade(url)
    asyncio.run(migrate(url))
    assert rows(url, "SELECT version_num FROM alembic_version") == [(SCHEMA_HEAD,)]


def test_what_had_an_earlier_form_has_ended(postgresql: PostgresServer) -> None:
    url = postgresql.database()
    upgrade(url, "0001")
    for statement in EARLIER:
        rows(url, statement)
    asyncio.run(migrate(url))
    assert rows(url, "SELECT withdrawn FROM datasets") == [(7,)]
    assert rows(url, "SELECT ended FROM agreements") == [(8,)]


async def _scalar(database: Database, statement: str) -> object:
    async with database.write() as session:
        return (await session.execute(text(statement))).scalar_one()


def test_a_commit_waits_for_the_disk_whatever_the_server_says(postgresql: PostgresServer, served: str) -> None:
    name = parse_url(served).database
    postgresql.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")

    async def run() -> list[object]:
        database = Database(served)
        try:
            return [await _scalar(database, f"SHOW {name}") for name in ("synchronous_commit", "transaction_isolation")]
        finally:
            await database.close()

    assert asyncio.run(run()) == ["on", "read committed"]


def test_a_reader_sees_one_state_and_cannot_write(served: str) -> None:
    async def run() -> None:
        database = Database(served)
        count = text("SELECT count(*) FROM nonces")
        try:
            async with database.read() as reader:
                assert await reader.scalar(count) == 0
                async with database.write() as writer:
                    writer.add(NonceRow(keyid="a", nonce="b", expires=2**53))
                assert await reader.scalar(count) == 0
            async with database.read() as reader:
                assert await reader.scalar(count) == 1
                with pytest.raises(DBAPIError, match="ReadOnlySqlTransaction"):
                    await reader.execute(text("DELETE FROM nonces"))
        finally:
            await database.close()

    asyncio.run(run())


def test_writers_of_several_processes_queue(served: str) -> None:
    """Each reads and writes what it read plus one; two at once would write the same."""

    async def add(database: Database) -> None:
        async with database.write() as session:
            seen = await session.scalar(text("SELECT count(*) FROM nonces"))
            await asyncio.sleep(0.001)
            session.add(NonceRow(keyid="a", nonce=str(seen), expires=1))

    async def run() -> object:
        databases = [Database(served) for _ in range(3)]  # each has its own connections, as a process has
        try:
            await asyncio.gather(*(add(database) for database in databases for _ in range(8)))
            return await _scalar(databases[0], "SELECT count(*) FROM nonces")
        finally:
            for database in databases:
                await database.close()

    assert asyncio.run(run()) == 24


def test_the_lease_ends_with_its_connection(postgresql: PostgresServer, served: str) -> None:
    async def run() -> None:
        first, second = lease_of(served), lease_of(served)
        try:
            await first.take()
            await first.check()
            with pytest.raises(LeaseLost, match="another broker is running on this database"):
                await second.take()
            postgresql.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            with pytest.raises(LeaseLost, match="has ended the connection"):
                await first.check()
            await second.take()
        finally:
            await first.release()
            await second.release()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"postgresql://me:{SECRET}@/db", "holds a password"),
        (f"postgresql://me@/db?password={SECRET}", "holds a password"),
        (f"postgresql://me@/db?sslpassword={SECRET}", "holds a password"),
        ("postgresql://me@host/", "must name the database"),
        ("postgresql://me@/db?options=-c%20synchronous_commit%3Doff", "may not say options"),
        ("postgresql://me@/db?host=a&host=b", "one server"),
    ],
)
def test_an_address_says_where_and_as_whom_only(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationRefused, match=sentence) as refused:
        parse_url(url)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://me@db.example/x", "verify-full"),
        ("postgresql://me@10.0.0.4:5433/x", "verify-full"),
        ("postgresql://me@/x?host=db.example", "verify-full"),
        ("postgresql://me@db.example/x?sslmode=require", "require"),
        ("postgresql://me@/x", None),
        ("postgresql://me@/x?host=/run/postgresql", None),
        ("postgresql://me@127.0.0.1/x", None),
        ("postgresql://me@localhost/x", None),
    ],
)
def test_a_server_elsewhere_must_prove_who_it_is(url: str, mode: str | None) -> None:
    assert parse_url(url).query.get("sslmode") == mode


@pytest.mark.parametrize(
    ("variable", "url", "mode"),
    [
        ("PGHOST", "postgresql://me@/x", "verify-full"),
        ("PGHOSTADDR", "postgresql://me@localhost/x", "verify-full"),
        ("PGSERVICE", "postgresql://me@/x", "verify-full"),
        ("PGHOST", "postgresql://me@/x?host=/run/postgresql", None),  # the address goes before it
        ("PGHOSTADDR", "postgresql://me@localhost/x?sslmode=disable", "disable"),
    ],
)
def test_the_environment_leads_elsewhere_too(
    url: str, variable: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "db.example")
    assert parse_url(url).query.get("sslmode") == mode


def test_a_server_that_does_not_let_us_in_is_a_sentence(postgresql: PostgresServer) -> None:
    passfile = postgresql.root / "wrong"
    passfile.write_text(f"*:*:*:*:{SECRET}\n")
    passfile.chmod(0o600)
    with pytest.raises(ConfigurationRefused, match="does not let this broker in") as refused:
        asyncio.run(migrate(postgresql.url("postgres", passfile=passfile)))
    assert SECRET not in str(refused.value)
    with pytest.raises(ConfigurationRefused, match="does not answer"):
        asyncio.run(migrate("postgresql://tacita@127.0.0.1:1/x"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("LOCALE_PROVIDER icu ICU_LOCALE 'en'", "orders text by a language"),
        ("ENCODING 'SQL_ASCII'", "createdb --template template0 --encoding UTF8"),
    ],
)
def test_a_database_that_orders_text_otherwise_is_refused(
    postgresql: PostgresServer, options: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationRefused, match=sentence):
        asyncio.run(migrate(postgresql.database(options=options)))


def test_a_server_that_may_lose_commits_is_refused(postgresql: PostgresServer) -> None:
    url = postgresql.database()
    try:
        postgresql.reload("fsync = off")
        with pytest.raises(ConfigurationRefused, match="may lose what it has committed"):
            asyncio.run(migrate(url))
    finally:
        postgresql.reload("fsync = on")


def test_a_database_with_something_else_is_refused(postgresql: PostgresServer) -> None:
    node, other = postgresql.database(), postgresql.database()
    migrate_node(place_of(node, postgresql.root))
    rows(other, "CREATE TABLE customers (id int)")
    for url in (node, other):
        with pytest.raises(ConfigurationRefused, match="is not a broker's"):
            asyncio.run(migrate(url))
