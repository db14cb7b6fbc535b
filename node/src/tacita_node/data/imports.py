"""Importing one column of a source file: all of it, or nothing, with no more of it in memory than a few thousand lines.

1. Drop what an import left behind that a crash ended (`staging.py`).
2. Look at the dataset and the file's header. The same file, read in the same way before, is done already.
3. Read the file line by line (`reading.py`); workers normalise and seal (`sealing.py`); the sealed records go to a
   temporary file (`spool.py`). The file is verified to be the one announced. Nothing is in the database yet, so that a
   file that is not well formed, or holds nothing that is valid, ends here.
4. Write everything as staged, in the order of the database's index, in short transactions.
5. One short transaction makes it visible: source, records, rejected lines, the dataset's revision, custody event.

A dry run does 1 to 3 and counts what the dataset holds already. Until 5 begins an import can be cancelled
(`cancellation.py`): what was staged is dropped, and a custody event says so.
"""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select

from tacita_node.clock import Clock
from tacita_node.config import Limits
from tacita_node.data.cancellation import CancelAsked, Cancellation
from tacita_node.data.custody import CustodyChain
from tacita_node.data.reading import SealingOrder, read_into, refusals
from tacita_node.data.sources import Delimiter, Header, SourceLayout, header_of, layout_below, read_lines, reads_as
from tacita_node.data.spool import Spool
from tacita_node.data.staging import ROWS_AT_ONCE, StagedSource, Staging
from tacita_node.data.tables import DatasetRow, RejectRow, SourceRow
from tacita_node.data.uploads import Upload, Uploads
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_node.workers import Workers
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normaliser_version
from tacita_protocol.psi.engine import Task


class Outcome(StrEnum):
    """What came of an import."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"
    """This file was imported before, in the same way: nothing was done."""
    DRY_RUN = "dry-run"
    NOTHING_VALID = "nothing-valid"
    """Every line was rejected: nothing was stored, and no dataset made."""


@dataclass(frozen=True)
class ImportOrder:
    """What to read out of a source file, and into which dataset; with `dry_run`, only to see what would come of it."""

    dataset: str
    kind: Kind
    column: str | None = None
    region: str | None = None
    delimiter: Delimiter | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Imported:
    """What an import did. accepted + duplicates + rejected = rows.

    `rejects` are (line, reason) in order, no more of them than are kept. `source` is None when nothing was stored.
    """

    outcome: Outcome
    source: str | None
    layout: SourceLayout
    rows: int
    accepted: int
    duplicates: int
    rejected: int
    rejects: tuple[tuple[int, str], ...]


@dataclass
class ImportProgress:
    """How far an import is: bytes read of `bytes`, rows normalised, and of these the ones stored.

    `source` is the id of the source that it will make, `begun` tells that no other import is waited for any more.
    """

    bytes: int
    bytes_read: int = 0
    rows: int = 0
    rows_stored: int = 0
    begun: bool = False
    source: str = field(default_factory=lambda: random_hex(16))
    cancellation: Cancellation = field(default_factory=Cancellation)

    def seen(self, count: int) -> None:
        """So many more bytes were read."""
        self.bytes_read += count

    def read(self, count: int) -> None:
        """So many more rows were normalised."""
        self.rows += count


class Importer:
    """Imports source files, one at a time.

    Args:
        spool: directory of the temporary file.
    """

    def __init__(
        self,
        database: Database,
        *,
        cipher: StorageCipher,
        uploads: Uploads,
        custody: CustodyChain,
        workers: Workers,
        clock: Clock,
        limits: Limits,
        spool: Path,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._uploads = uploads
        self._staging = Staging(database, custody=custody, clock=clock)
        self._workers = workers
        self._limits = limits
        self._spool = spool
        self._one_at_a_time = asyncio.Lock()

    async def run(self, upload: Upload, order: ImportOrder, progress: ImportProgress) -> Imported:
        """Imports one file that has arrived. Raises `ProblemError` when file or dataset do not fit.

        Whatever it raises, nothing has happened. `CancelAsked` is raised when `progress.cancellation` was asked in
        time, and every trace is gone then: rows, file, and a dataset that it was the first of.
        """
        try:
            with self._uploads.held(upload):
                return await self._in_turn(upload, order, progress)
        except CancelAsked:
            if not order.dry_run:
                await self._staging.drop_cancelled(progress.source, order.dataset, order.kind)
            raise
        finally:
            await self._uploads.forget(upload)

    async def has_imported(self, source: str) -> bool:
        """Whether an import of that id came to its end here, whenever that was."""
        async with self._database.read() as session:
            row = await session.get(SourceRow, source)
        return row is not None and not row.staged

    async def drop_left_behind(self) -> None:
        """Drops what an import left behind that a crash ended."""
        async with self._one_at_a_time:
            await self._staging.drop_left_behind()

    async def _in_turn(self, upload: Upload, order: ImportOrder, progress: ImportProgress) -> Imported:
        with progress.cancellation.interruptible():
            await self._one_at_a_time.acquire()
        try:
            progress.begun = True
            await self._staging.drop_left_behind()
            return await self._run(upload, order, progress)
        finally:
            self._one_at_a_time.release()

    async def _run(self, upload: Upload, order: ImportOrder, progress: ImportProgress) -> Imported:
        await self._check_dataset(order)
        with progress.cancellation.interruptible():
            layout = await self._layout(upload, order)
        before = await self._imported_before(upload, order, layout)
        if before is not None and not order.dry_run:
            return before
        with await asyncio.to_thread(Spool, self._spool, rejects=self._limits.import_rejects) as spool:
            await self._read(upload, order, layout, spool, progress)
            staged = StagedSource(
                source=progress.source,
                dataset=order.dataset,
                kind=order.kind,
                blob=upload.name,
                bytes=upload.size,
                rows=progress.rows,
                rejected=spool.rejected,
                layout=layout,
                region=order.region,
                normaliser=normaliser_version(order.kind),
            )
            if order.dry_run:
                accepted, outcome = await self._count_new(order.dataset, spool, progress), Outcome.DRY_RUN
            elif spool.rejected == progress.rows:
                accepted, outcome = 0, Outcome.NOTHING_VALID
            else:
                accepted, outcome = await self._store(staged, spool, progress), Outcome.IMPORTED
        return Imported(
            outcome,
            progress.source if outcome == Outcome.IMPORTED else None,
            layout,
            progress.rows,
            accepted,
            progress.rows - spool.rejected - accepted,
            spool.rejected,
            tuple(spool.rejects),
        )

    async def _check_dataset(self, order: ImportOrder) -> None:
        async with self._database.read() as session:
            dataset = await session.get(DatasetRow, order.dataset)
            count = await session.scalar(select(func.count()).select_from(DatasetRow)) or 0
        if dataset is None and count >= self._limits.datasets:
            raise ProblemError(409, "too-many-datasets", f"This node has {count} datasets already.")
        if dataset is not None and dataset.kind != order.kind.value:
            raise ProblemError(409, "kind-differs", f"This dataset holds identifiers of another kind: {dataset.kind}.")

    async def _layout(self, upload: Upload, order: ImportOrder) -> SourceLayout:
        with refusals():
            header = await asyncio.to_thread(self._header, upload, order)
            [is_data] = await self._workers.run([Task(reads_as, (order.kind, header.heading, order.region))])
            return layout_below(header, is_data=is_data)

    def _header(self, upload: Upload, order: ImportOrder) -> Header:
        return header_of(
            lambda: self._uploads.read(upload), column=order.column, delimiter=order.delimiter, limits=self._limits
        )

    async def _imported_before(self, upload: Upload, order: ImportOrder, layout: SourceLayout) -> Imported | None:
        """The earlier import of the same bytes, read in the same way by the same rules, if there was one."""
        same = select(SourceRow).where(
            SourceRow.dataset == order.dataset,
            SourceRow.blob == upload.name,
            SourceRow.column == layout.column,
            SourceRow.delimiter == layout.delimiter.value,
            SourceRow.normaliser == normaliser_version(order.kind),
            SourceRow.region == order.region if order.region is not None else SourceRow.region.is_(None),
        )
        async with self._database.read() as session:
            row = await session.scalar(same.order_by(SourceRow.imported).limit(1))
            if row is None:
                return None
            lines = select(RejectRow.line, RejectRow.reason).where(RejectRow.source == row.id).order_by(RejectRow.line)
            rejects = [(line, reason) for line, reason in await session.execute(lines)]
        counts = (row.rows, row.accepted, row.duplicates, row.rejected)
        return Imported(Outcome.UNCHANGED, row.id, layout, *counts, tuple(rejects))

    async def _read(
        self, upload: Upload, order: ImportOrder, layout: SourceLayout, spool: Spool, progress: ImportProgress
    ) -> None:
        """Step 3."""
        sealing = SealingOrder(self._cipher, order.dataset, order.kind.value, order.region, progress.source)
        lines = read_lines(lambda: self._uploads.read_verified(upload, progress.seen), layout, self._limits)
        with progress.cancellation.interruptible():
            await read_into(spool, lines, sealing, self._workers, progress.read)

    async def _count_new(self, dataset: str, spool: Spool, progress: ImportProgress) -> int:
        new = 0
        batches = spool.sorted(ROWS_AT_ONCE)
        while records := await asyncio.to_thread(next, batches, None):
            progress.cancellation.check()
            new += len(records) - await self._staging.held(dataset, records)
        return new

    async def _store(self, staged: StagedSource, spool: Spool, progress: ImportProgress) -> int:
        """Steps 4 and 5. When one fails, what was staged is dropped; a crash leaves that to the next import."""
        try:
            progress.cancellation.check()
            await self._staging.begin(staged)
            batches = spool.sorted(ROWS_AT_ONCE)
            while records := await asyncio.to_thread(next, batches, None):
                progress.cancellation.check()
                await self._staging.add_records(staged, records)
                progress.rows_stored += len(records)
            progress.cancellation.check()
            await self._staging.add_rejects(staged, spool.rejects)
            progress.cancellation.begin_last_step()
            return await self._staging.finish(staged)
        except CancelAsked:
            raise  # `run` drops it, and says so in the custody chain
        except Exception:  # whatever it was is raised again; meanwhile nobody else stages (`_one_at_a_time`)
            await self._staging.drop_left_behind()
            raise
