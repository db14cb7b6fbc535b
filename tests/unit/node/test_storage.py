"""The database: its shape is what the tables say, its settings are what durability needs, errors show no value."""

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

import tacita_node.access.tables
import tacita_node.agreements.tables
import tacita_node.data.tables
import tacita_node.lifecycle.tables
import tacita_node.matching.tables  # noqa: F401 - registers its tables, like the ones above
from tacita_node.data.tables import DatasetRow
from tacita_node.storage import HEAD, Base, Database, Place, migrate, place_of
from tests.support.cancelled_writes import PAUSES, cancel_at_every_point
from tests.support.interruption import Interrupted, interrupted_after
from tests.support.postgresql import PostgresServer

CANARY = "+447911123456"


def test_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    migrate(tmp_path / "node.db")
    migrate(tmp_path / "node.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'node.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()
    import tacita_node.migrations

    [folder] = tacita_node.migrations.__path__
    assert ScriptDirectory(folder).get_current_head() == HEAD


@pytest.mark.parametrize("done", range(1, 60, 7))
def test_a_migration_that_was_interrupted_goes_on(tmp_path: Path, done: int) -> None:
    file = tmp_path / "node.db"
    with interrupted_after(done), suppress(Interrupted):
        migrate(file)
    migrate(file)
    assert sqlite3.connect(file).execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def run(place: Place, scene: str) -> None:
    """Runs one of the scenes below on a fresh database."""
    migrate(place)

    async def main() -> None:
        database = Database(place)
        try:
            await SCENES[scene](database)
        finally:
            await database.close()

    asyncio.run(main())


async def settings(database: Database) -> None:
    async with database.write() as session:
        found = {
            name: await session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def readers_cannot_write(database: Database) -> None:
    async with database.read() as session:
        with pytest.raises(DBAPIError, match=r"readonly|ReadOnlySqlTransaction"):
            await session.execute(text("DELETE FROM datasets"))


async def insert_twice(database: Database) -> None:
    async with database.write() as session:
        session.add(DatasetRow(name=CANARY, kind="phone", revision=0, created=0))
        await session.flush()
        await session.execute(text("INSERT INTO datasets VALUES (:name, 'phone', 0, 0)"), {"name": CANARY})


async def insert_and_fail(database: Database) -> None:
    async with database.write() as session:
        session.add(DatasetRow(name="x", kind="phone", revision=0, created=0))
        await session.flush()
        raise LookupError


async def errors_show_no_value(database: Database) -> None:
    with pytest.raises(IntegrityError) as failed:
        await insert_twice(database)
    assert CANARY not in str(failed.value)


async def a_failed_block_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError):
        await insert_and_fail(database)
    async with database.read() as session:
        assert await session.get(DatasetRow, "x") is None


async def writers_wait_for_each_other(database: Database) -> None:
    async def add(number: int) -> None:
        async with database.write() as session:
            session.add(DatasetRow(name=f"d{number}", kind="phone", revision=0, created=0))
            await session.flush()
            await asyncio.sleep(0)

    await asyncio.gather(*(add(number) for number in range(50)))
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM datasets")) == 50


async def a_writer_that_gives_up_keeps_no_other_waiting(database: Database) -> None:
    """The first opens the only connection that writes; the second waits for it."""

    async def add(name: str) -> None:
        async with database.write() as session:
            session.add(DatasetRow(name=name, kind="phone", revision=0, created=0))

    first, second = (asyncio.create_task(add(name)) for name in ("first", "second"))
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(5):
        await second
    async with database.read() as session:
        assert await session.get(DatasetRow, "first") is None


async def a_writer_that_is_cut_off_keeps_no_lock(database: Database) -> None:
    async def write() -> None:
        async with database.write() as session:
            for _ in range(3):
                await session.execute(text("UPDATE alembic_version SET version_num = version_num"))
                await session.execute(text("SELECT count(*) FROM datasets"))

    # A server is another process: its answer comes at another point by itself.
    served = database._writer.dialect.name == "postgresql"
    assert await cancel_at_every_point(write, pauses=PAUSES[:1] if served else PAUSES) >= 5


async def closing_waits_for_sessions(database: Database) -> None:
    entered = asyncio.Event()

    async def write() -> None:
        async with database.write() as session:
            entered.set()
            await asyncio.sleep(0.05)
            session.add(DatasetRow(name="x", kind="phone", revision=0, created=0))

    writing = asyncio.create_task(write())
    await entered.wait()
    await database.close()
    assert writing.done()
    await writing


SCENES = {
    scene.__name__: scene
    for scene in (
        settings,
        readers_cannot_write,
        errors_show_no_value,
        a_failed_block_leaves_nothing,
        writers_wait_for_each_other,
        a_writer_that_gives_up_keeps_no_other_waiting,
        a_writer_that_is_cut_off_keeps_no_lock,
        closing_waits_for_sessions,
    )
}


@pytest.mark.parametrize("scene", SCENES)
def test_database(tmp_path: Path, scene: str) -> None:
    run(tmp_path / "node.db", scene)


@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene != "settings"])
def test_database_on_a_server(postgresql: PostgresServer, tmp_path: Path, scene: str) -> None:
    run(place_of(postgresql.copy_of("node", lambda url: migrate(place_of(url, tmp_path))), tmp_path), scene)
