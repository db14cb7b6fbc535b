"""The sequencer at each point where it can be interrupted, and against what must stop it."""

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from tacita_broker.errors import LeaseLost, LogDamaged, LogFailure, LogRolledBack
from tacita_broker.log.files import LogFiles
from tacita_broker.log.store import Head
from tests.support.broker_log import Crash, Fault, LogBench, log_bench

NEW = ["new-1", "new-2", "new-3"]

# operation, number of the call, persisted, entries in the log after recovery alone
FAULTS = [
    pytest.param("stage", 1, False, 0, id="stage failed: nothing happened"),
    pytest.param("stage", 1, True, 3, id="stage failed but persisted: recovery writes and publishes"),
    pytest.param("write_tile", 1, False, 3, id="first file failed"),
    pytest.param("write_tile", 1, True, 3, id="first file failed but persisted"),
    pytest.param("write_tile", 2, False, 3, id="second file failed"),
    pytest.param("write_tile", 2, True, 3, id="second file failed but persisted"),
    pytest.param("publish", 2, False, 3, id="publish failed"),
    pytest.param("publish", 2, True, 3, id="publish failed but persisted"),
    pytest.param("clear_stage", 1, False, 3, id="clearing failed"),
    pytest.param("clear_stage", 1, True, 3, id="clearing failed but persisted"),
]


@pytest.mark.parametrize(("before", "where"), [(0, "template"), (254, "template"), (256, "template"), (0, "served")])
@pytest.mark.parametrize(("operation", "number", "persisted", "recovered"), FAULTS)
def test_a_crash_loses_no_entry_and_repeats_none(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    before: int,
    where: str,
    operation: str,
    number: int,
    persisted: bool,
    recovered: int,
) -> None:
    template: Path | str = request.getfixturevalue(where)

    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            await bench.grow_to(before)
            old = bench.published
            await bench.queue(*NEW)
            # `recover` publishes once (without effect), hence the second publish is the step's.
            crashing = await bench.sequencer(Fault(operation, number, persisted=persisted))
            with pytest.raises(Crash):
                await crashing.step()
            restarted = await bench.sequencer()
            assert restarted.head.size == bench.published.size == before + recovered
            while await restarted.step():
                pass
            assert (await bench.entries())[before:] == NEW
            assert (await bench.entries())[: old.size] == [f"entry-{number}" for number in range(before)]

    asyncio.run(run())


def test_recovery_may_crash_as_often_as_it_likes(tmp_path: Path, either: Path | str) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, either) as bench:
            await bench.queue(*NEW)
            for fault in (
                Fault("stage", 1, persisted=True),
                Fault("write_tile", 2),
                Fault("publish", 1),
                Fault("clear_stage", 1),
            ):
                with pytest.raises(Crash):
                    await (await bench.sequencer(fault)).step()
            await bench.sequencer()
            assert await bench.entries() == NEW

    asyncio.run(run())


@pytest.mark.parametrize("number", range(1, 9))
def test_a_failed_fsync_ends_the_sequencer_and_the_next_start_repairs(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            await bench.queue(*NEW)
            sequencer = await bench.sequencer()
            calls = 0

            def failing(_descriptor: int) -> None:
                nonlocal calls
                calls += 1
                if calls == number:
                    raise OSError(errno.EIO, "input/output error")

            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", failing)
                with pytest.raises(OSError, match="input/output"):
                    await sequencer.step()
            await bench.sequencer()
            assert await bench.entries() == NEW

    asyncio.run(run())


def test_a_second_sequencer_makes_the_first_one_stop(tmp_path: Path, template: Path) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            first = await bench.sequencer()
            second = await bench.sequencer()
            await bench.queue(*NEW)
            with pytest.raises(LeaseLost):
                await first.step()
            assert await second.step() == 3
            assert await bench.entries() == NEW

    asyncio.run(run())


def test_only_entries_that_wait_get_a_position(tmp_path: Path, either: Path | str) -> None:
    """One that has a position already, and one that is not there, stage nothing of the others either."""

    async def run() -> None:
        async with log_bench(tmp_path, either) as bench:
            await bench.queue("old")
            await (await bench.sequencer()).step()
            await bench.queue(*NEW)
            head = await bench.store.take_lease("holder")
            waiting = await bench.store.waiting("holder", 256)
            assert waiting.bundle == [b"old"]
            for wrong in (min(waiting.rows) - 1, max(waiting.rows) + 1):
                rows = [*waiting.rows, wrong]
                with pytest.raises(LeaseLost):
                    await bench.store.stage("holder", head, Head(head.size + len(rows), "note"), rows, [("path", b"")])
                assert await bench.store.held_head("holder") == head
                assert await bench.store.waiting("holder", 256) == waiting
                assert await bench.store.staged() == []

    asyncio.run(run())


def test_a_restored_old_database_does_not_start(tmp_path: Path, template: Path) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            await bench.grow_to(3)
            await bench.database.close()
            shutil.copy(tmp_path / "broker.db", tmp_path / "backup")
            await bench.queue(*NEW)
            await (await bench.sequencer()).step()
            await bench.database.close()
            for name in ("broker.db-wal", "broker.db-shm"):
                (tmp_path / name).unlink(missing_ok=True)
            shutil.copy(tmp_path / "backup", tmp_path / "broker.db")
            restored = LogBench(tmp_path)
            with pytest.raises(LogRolledBack):
                await restored.sequencer()
            await restored.database.close()

    asyncio.run(run())


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda log: _flip(log / "tile/0/000.p/3"), id="a tile's byte"),
        pytest.param(lambda log: _flip(log / "tile/entries/000.p/3"), id="an entry's byte"),
        pytest.param(lambda log: (log / "tile/0/000.p/3").unlink(), id="a missing tile"),
        pytest.param(lambda log: (log / "checkpoint").unlink(), id="a missing checkpoint"),
        pytest.param(lambda log: _flip(log / "checkpoint"), id="a checkpoint that is no note"),
    ],
)
def test_a_damaged_right_edge_does_not_start(tmp_path: Path, template: Path, damage: object) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            await bench.grow_to(3)
            assert callable(damage)
            damage(tmp_path / "log")
            with pytest.raises(LogFailure):
                await bench.sequencer()

    asyncio.run(run())


def test_a_tile_never_changes(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    files.write_tile("tile/0/000.p/1", b"a" * 32)
    files.write_tile("tile/0/000.p/1", b"a" * 32)
    with pytest.raises(LogDamaged):
        files.write_tile("tile/0/000.p/1", b"b" * 32)
    assert files.read("tile/0/000.p/1") == b"a" * 32


def test_an_entry_is_indexed_once_whatever_is_queued(tmp_path: Path, template: Path) -> None:
    async def run() -> None:
        async with log_bench(tmp_path, template) as bench:
            await bench.queue("opening:1")
            with pytest.raises(Exception, match="UNIQUE"):
                await bench.queue("opening:1")
            await (await bench.sequencer()).step()
            assert await bench.entries() == ["opening:1"]

    asyncio.run(run())
