"""The database as it must be set up, and the schema as the models say."""

import asyncio
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from tacita_broker.access.tables import NonceRow
from tacita_broker.directory import BrokerDirectory, NewBroker
from tacita_broker.errors import ConfigurationRefused
from tacita_broker.inbox.tables import InboxRow
from tacita_broker.migrations.upgrade import upgrade
from tacita_broker.storage import SCHEMA_HEAD, Base, Database, parse_url
from tacita_broker.tables import TABLES
from tests.support.broker_log import LogBench, log_bench
from tests.support.cancelled_writes import PAUSES, cancel_at_every_point
from tests.support.interruption import Interrupted, interrupted_after


def test_migrations_make_exactly_the_models_tables(template: Path) -> None:
    engine = create_engine(f"sqlite:///{template}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == SCHEMA_HEAD
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
    assert {table.__tablename__ for table in TABLES} == set(Base.metadata.tables)


@pytest.mark.parametrize("done", [1, 20, 37, 40, 44, 48])
def test_a_migration_that_was_interrupted_goes_on(tmp_path: Path, done: int) -> None:
    url = f"sqlite:///{tmp_path / 'broker.db'}"
    with interrupted_after(done), suppress(Interrupted):
        upgrade(url)
    upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == SCHEMA_HEAD
    engine.dispose()


def test_what_had_an_earlier_form_has_ended(tmp_path: Path) -> None:
    """Dataset cards, agreements and matches whose statements this version does not read hold up none of the others."""
    file = tmp_path / "broker.db"
    url = f"sqlite:///{file}"
    upgrade(url, "0001")
    with sqlite3.connect(file) as database:
        for statement in EARLIER:
            database.execute(statement)
    upgrade(url)
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT withdrawn FROM datasets").fetchall() == [(7,)]
        assert database.execute("SELECT ended FROM agreements").fetchall() == [(8,)]
        states = database.execute("SELECT match, state, deadline FROM matches ORDER BY match").fetchall()
        assert states == [("a", "closed", None), ("b", "closing", None), ("c", "closed", None)]


EARLIER = (
    "INSERT INTO partners VALUES ('bank', 'approved', '{}', 'd1', 'k1', 'w1', 1, 1)",
    "INSERT INTO partners VALUES ('ngo', 'approved', '{}', 'd2', 'k2', 'w2', 1, 1)",
    "INSERT INTO datasets (partner, dataset, epoch, card, published) VALUES ('ngo', 'accounts', 1, '{}', 7)",
    "INSERT INTO agreements (agreement, first, second, proposer, digest, envelope, complete, salt, received) "
    "VALUES ('x', 'bank', 'ngo', 'bank', 'd', '{}', true, NULL, 8)",
    *(
        "INSERT INTO matches (match, requester, responder, state, received, units, deadline, request, promise) "
        f"VALUES ('{match}', 'bank', 'ngo', '{state}', 1, 64, {deadline}, '{{}}', '{{}}')"
        for match, state, deadline in (("a", "open", 9), ("b", "closing", "NULL"), ("c", "closed", "NULL"))
    ),
)


def test_a_new_brokers_database_and_keys_are_private(tmp_path: Path) -> None:
    directory = BrokerDirectory(tmp_path)  # one that was there before, open to all
    tmp_path.chmod(0o755)
    new = NewBroker("hub", "Hub", "127.0.0.1", 8440, (), None)
    asyncio.run(directory.create(new, b"passphrase"))
    for name in ("broker.db", "keys.sealed", "blobs", "log"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


def test_a_database_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    new = NewBroker("hub", "Hub", "127.0.0.1", 8440, (), f"sqlite:///{tmp_path / 'nowhere' / 'broker.db'}")
    with pytest.raises(ConfigurationRefused, match="cannot be made: No such file"):
        asyncio.run(BrokerDirectory(tmp_path / "broker").create(new, b"passphrase"))


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0)]
)
def test_writers_are_durable_and_check_references(tmp_path: Path, template: Path, pragma: str, value: object) -> None:
    async def run() -> object:
        async with log_bench(tmp_path, template) as bench, bench.database.write() as session:
            return (await session.execute(text(f"PRAGMA {pragma}"))).scalar_one()

    assert asyncio.run(run()) == value


def test_a_reader_cannot_write(tmp_path: Path, template: Path) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench, bench.database.read() as session:
            with pytest.raises(OperationalError, match="readonly"):
                await session.execute(text("DELETE FROM nonces"))

    asyncio.run(run())


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, either: Path | str) -> None:
    async def run() -> int:
        async with log_bench(tmp_path, either) as bench:
            with pytest.raises(KeyError):
                await _fail_after_writing(bench)
            async with bench.database.read() as session:
                return int((await session.execute(text("SELECT count(*) FROM nonces"))).scalar_one())

    assert asyncio.run(run()) == 0


def test_writers_of_one_process_queue(tmp_path: Path, either: Path | str) -> None:
    async def run() -> int:
        async with log_bench(tmp_path, either) as bench:
            await asyncio.gather(*(_write(bench, number) for number in range(40)))
            async with bench.database.read() as session:
                return int((await session.execute(text("SELECT count(*) FROM nonces"))).scalar_one())

    async def _write(bench: LogBench, number: int) -> None:
        async with bench.database.write() as session:
            await session.execute(text("SELECT count(*) FROM nonces"))
            session.add(NonceRow(keyid="a", nonce=str(number), expires=1))

    assert asyncio.run(run()) == 40


def test_a_writer_that_gives_up_keeps_no_other_waiting(tmp_path: Path, either: Path | str) -> None:
    """The first opens the only connection that writes; the second waits for it."""

    async def run() -> None:
        database = Database(_fresh(either, tmp_path))
        try:
            first, second = (asyncio.create_task(_count(database)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            async with asyncio.timeout(5):
                assert await second == 0
        finally:
            await database.close()

    async def _count(database: Database) -> int:
        async with database.write() as session:
            return int((await session.execute(text("SELECT count(*) FROM nonces"))).scalar_one())

    asyncio.run(run())


def test_a_writer_that_is_cut_off_keeps_no_lock(tmp_path: Path, either: Path | str) -> None:
    async def run() -> int:
        database = Database(_fresh(either, tmp_path))

        async def write() -> None:
            async with database.write() as session:
                for _ in range(3):
                    await session.execute(text("UPDATE alembic_version SET version_num = version_num"))
                    await session.execute(text("SELECT count(*) FROM nonces"))

        try:
            # A server is another process: its answer comes at another point by itself.
            return await cancel_at_every_point(write, pauses=PAUSES if isinstance(either, Path) else PAUSES[:1])
        finally:
            await database.close()

    assert asyncio.run(run()) >= 5


def test_errors_do_not_quote_values(tmp_path: Path, either: Path | str) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, either) as bench:
            with pytest.raises(IntegrityError) as caught:
                await _write_event(bench, "+447700900123")
            assert "900123" not in str(caught.value)

    asyncio.run(run())


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:", "postgresql+psycopg://host/name"]
)
def test_other_databases_are_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ConfigurationRefused):
        parse_url(url)


def test_a_database_without_schema_has_no_revision(tmp_path: Path) -> None:
    async def run() -> str | None:
        database = Database(f"sqlite:///{tmp_path / 'new.db'}")
        try:
            return await database.revision()
        finally:
            await database.close()

    assert asyncio.run(run()) is None


def _fresh(either: Path | str, folder: Path) -> str:
    """The address of a database with the schema that nobody else uses."""
    return either if isinstance(either, str) else f"sqlite:///{shutil.copy(either, folder / 'broker.db')}"


async def _fail_after_writing(bench: LogBench) -> None:
    async with bench.database.write() as session:
        session.add(NonceRow(keyid="a", nonce="b", expires=1))
        await session.flush()
        raise KeyError


async def _write_event(bench: LogBench, partner: str) -> None:
    async with bench.database.write() as session:
        session.add(InboxRow(partner=partner, seq=1, type="x", posted=1))
