"""A log of a broker without the broker: database, files, sequencer; and both with faults."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tacita_broker.directory import migrate
from tacita_broker.log.check import check_log
from tacita_broker.log.files import LogFiles, read_checkpoint
from tacita_broker.log.sequencer import Files, Sequencer, Store
from tacita_broker.log.store import Head, LogStore, Waiting, queue_entry
from tacita_broker.storage import Database
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import EMPTY_ROOT
from tacita_protocol.tlog.note import NoteSigner, compose
from tests.support.memory_log import key_named

T = TypeVar("T")

ORIGIN = "test-broker/log"
SIGNER = NoteSigner(ORIGIN, key_named(ORIGIN))
NOW = 1_800_000_000


class Crash(Exception):
    """The process would have died here."""


@dataclass
class Fault:
    """Crash at the n-th call (from 1) of an operation, before it has an effect or after."""

    operation: str
    number: int = 1
    persisted: bool = False
    seen: int = field(default=0, init=False)

    def before(self, operation: str) -> None:
        """Called before each operation."""
        if operation == self.operation:
            self.seen += 1
            if self.seen == self.number and not self.persisted:
                raise Crash(operation)

    def after(self, operation: str) -> None:
        """Called after each operation."""
        if operation == self.operation and self.seen == self.number and self.persisted:
            raise Crash(operation)


class FaultyStore:
    """A `Store` that crashes as `fault` says."""

    def __init__(self, store: Store, fault: Fault) -> None:
        self._store = store
        self._fault = fault

    async def take_lease(self, holder: str) -> Head:
        return await self._store.take_lease(holder)

    async def held_head(self, holder: str) -> Head:
        return await self._store.held_head(holder)

    async def waiting(self, holder: str, limit: int) -> Waiting:
        return await self._store.waiting(holder, limit)

    async def positions(self) -> int:
        return await self._store.positions()

    async def stage(
        self, holder: str, old: Head, new: Head, rows: Sequence[int], files: Sequence[tuple[str, bytes]]
    ) -> None:
        await self._around("stage", lambda: self._store.stage(holder, old, new, rows, files))

    async def staged(self) -> list[tuple[str, bytes]]:
        return await self._store.staged()

    async def clear_stage(self, holder: str, head: Head) -> None:
        await self._around("clear_stage", lambda: self._store.clear_stage(holder, head))

    async def _around(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        self._fault.before(operation)
        result = await work()
        self._fault.after(operation)
        return result


class FaultyFiles:
    """`Files` that crash as `fault` says."""

    def __init__(self, files: Files, fault: Fault) -> None:
        self._files = files
        self._fault = fault

    def read(self, path: str) -> bytes:
        return self._files.read(path)

    def write_tile(self, path: str, data: bytes) -> None:
        self._fault.before("write_tile")
        self._files.write_tile(path, data)
        self._fault.after("write_tile")

    def published(self) -> bytes | None:
        return self._files.published()

    def publish(self, note: bytes) -> None:
        self._fault.before("publish")
        self._files.publish(note)
        self._fault.after("publish")


class LogBench:
    """A log in a directory, with as many sequencers one after the other as a test wants."""

    def __init__(self, root: Path, url: str | None = None) -> None:
        self.root = root
        self.url = url or f"sqlite:///{root / 'broker.db'}"
        self.database = Database(self.url)
        self.files = LogFiles(root / "log")
        self.store = LogStore(self.database)

    async def create(self) -> None:
        """The empty log."""
        text = Checkpoint(ORIGIN, 0, EMPTY_ROOT).text()
        note = compose(text, [SIGNER.sign(text)])
        await self.store.create(note.decode())
        self.files.publish(note)

    async def queue(self, *names: str) -> None:
        """Hand in an entry for each name."""
        async with self.database.write() as session:
            for name in names:
                await queue_entry(session, name, name.encode(), now=NOW)

    async def sequencer(self, fault: Fault | None = None, *, recover: bool = True) -> Sequencer:
        """A new sequencer, which takes the lease and recovers."""
        store: Store = self.store if fault is None else FaultyStore(self.store, fault)
        files: Files = self.files if fault is None else FaultyFiles(self.files, fault)
        sequencer = Sequencer(store, files, SIGNER, holder=random_hex(8), batch=256)
        if recover:
            await sequencer.recover()
        return sequencer

    async def grow_to(self, size: int) -> None:
        """Integrate entries until there are `size`, in two batches."""
        sequencer = await self.sequencer()
        names = [f"entry-{number}" for number in range(size)]
        for part in (names[: size // 2], names[size // 2 :]):
            await self.queue(*part)
            while await sequencer.step():
                pass

    @property
    def published(self) -> Checkpoint:
        """The published checkpoint."""
        note = self.files.published()
        assert note is not None
        return read_checkpoint(note)

    async def entries(self) -> list[str]:
        """The log's entries in order, after every file of it was checked."""
        await check_log(self.database, self.files, SIGNER.verifier)
        return [entry.decode() for entry in await self.store.entries(0, self.published.size)]


@asynccontextmanager
async def log_bench(root: Path, template: Path | str) -> AsyncIterator[LogBench]:
    """A bench with the empty log; `template` is a file with the schema, or the address of a database with it."""
    if isinstance(template, Path):
        shutil.copy(template, root / "broker.db")
    bench = LogBench(root, template if isinstance(template, str) else None)
    await bench.create()
    try:
        yield bench
    finally:
        await bench.database.close()


def make_template(path: Path) -> Path:
    """An empty database with the schema, to be copied."""
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path
