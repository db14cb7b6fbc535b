"""Importing a source file: all of it, or nothing.

1. Read the file (`sources.py`), normalise every line in the workers, seal every record: no lock is held meanwhile.
2. Store the source's bytes as an encrypted blob. A crash after this leaves a blob that nothing points to.
3. One transaction: dataset, source, records, rejected lines, custody event.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.blobs import BlobStore
from tacita_node.clock import Clock
from tacita_node.config import Limits
from tacita_node.data.custody import CustodyChain
from tacita_node.data.records import RECORD_VERSION, Normalised, RecordSealer, RecordText, normalising_tasks
from tacita_node.data.sources import EXTRACTOR, Delimiter, SourceRefused, SourceTable, read_source
from tacita_node.data.tables import DatasetRow, RecordRow, RejectRow, SourceRow
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_node.workers import Workers
from tacita_protocol.crypto.digest import sha256
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normaliser_version

SOURCE_BLOBS = "sources"
INSERT_ROWS = 5_000
"""Rows handed to the database at a time."""


@dataclass(frozen=True)
class ImportOrder:
    """What to read out of a source file, and into which dataset."""

    dataset: str
    kind: Kind
    column: str | None = None
    region: str | None = None
    delimiter: Delimiter | None = None


@dataclass(frozen=True)
class Imported:
    """What an import did. accepted + duplicates + rejected = rows; `rejects` are (line, reason) in order."""

    source: str
    rows: int
    accepted: int
    duplicates: int
    rejects: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _Sealed:
    records: list[dict[str, object]]
    repeated: int
    rejects: list[tuple[int, str]]


class Importer:
    """Imports source files, one at a time."""

    def __init__(
        self,
        database: Database,
        *,
        cipher: StorageCipher,
        blobs: BlobStore,
        custody: CustodyChain,
        workers: Workers,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._blobs = blobs
        self._custody = custody
        self._workers = workers
        self._clock = clock
        self._limits = limits
        self._one_at_a_time = asyncio.Lock()

    async def run(self, data: bytes, order: ImportOrder) -> Imported:
        """Imports one file. Raises `ProblemError` when the file or the dataset does not fit; then nothing happened."""
        async with self._one_at_a_time:
            await self._check_dataset(order)
            try:
                table = await asyncio.to_thread(self._read, data, order)
            except SourceRefused as refused:
                raise ProblemError(422, f"source-{refused.code}", str(refused)) from None
            tasks = normalising_tasks(order.kind, order.region, [line.text for line in table.lines])
            normalised = [one for chunk in await self._workers.run(tasks) for one in chunk]
            source = random_hex(16)
            sealed = await asyncio.to_thread(self._seal, table, normalised, order, source)
            return await self._store(data, order, table, source, sealed)

    async def forget_unrecorded(self) -> None:
        """Deletes files that no import tells of: a crash came between the file and its record."""
        async with self._one_at_a_time:
            async with self._database.read() as session:
                recorded = set(await session.scalars(select(SourceRow.blob)))
            for name in await self._blobs.names(SOURCE_BLOBS):
                if name not in recorded:
                    await self._blobs.delete(SOURCE_BLOBS, name)

    def _read(self, data: bytes, order: ImportOrder) -> SourceTable:
        return read_source(
            data,
            kind=order.kind,
            column=order.column,
            region=order.region,
            delimiter=order.delimiter,
            limits=self._limits,
        )

    async def _check_dataset(self, order: ImportOrder) -> None:
        async with self._database.read() as session:
            dataset = await session.get(DatasetRow, order.dataset)
            count = await session.scalar(select(func.count()).select_from(DatasetRow)) or 0
        if dataset is None and count >= self._limits.datasets:
            raise ProblemError(409, "too-many-datasets", f"This node has {count} datasets already.")
        if dataset is not None and dataset.kind != order.kind.value:
            raise ProblemError(409, "kind-differs", f"This dataset holds identifiers of another kind: {dataset.kind}.")

    def _seal(self, table: SourceTable, normalised: Sequence[Normalised], order: ImportOrder, source: str) -> _Sealed:
        if len(normalised) != len(table.lines):
            raise RuntimeError("the workers answered for another number of lines")
        sealer = RecordSealer(self._cipher, dataset=order.dataset, kind=order.kind)
        normaliser = normaliser_version(order.kind)
        records: dict[bytes, dict[str, object]] = {}
        rejects = []
        repeated = 0
        for line, result in zip(table.lines, normalised, strict=True):
            if result.canonical is None:
                rejects.append((line.number, result.reason or "invalid"))
                continue
            lookup = sealer.lookup(result.canonical)
            if lookup in records:
                repeated += 1
                continue
            text = RecordText(normaliser, result.canonical, line.text)
            records[lookup] = {
                "dataset": order.dataset,
                "source": source,
                "line": line.number,
                "version": RECORD_VERSION,
                "lookup": lookup,
                "sealed": sealer.seal(text, source=source, line=line.number),
            }
        return _Sealed(list(records.values()), repeated, rejects)

    async def _store(
        self, data: bytes, order: ImportOrder, table: SourceTable, source: str, sealed: _Sealed
    ) -> Imported:
        digest = await asyncio.to_thread(sha256, data)
        blob = self._cipher.lookup(digest, purpose="source").hex()
        known = await self._blobs.has(SOURCE_BLOBS, blob)
        if not known:
            await self._blobs.put(SOURCE_BLOBS, blob, data)
        try:
            async with self._database.write() as session:
                accepted = await self._write(session, data, order, table, source, blob, sealed)
        except BaseException:
            if not known:
                await asyncio.shield(self._blobs.delete(SOURCE_BLOBS, blob))
            raise
        rows = len(table.lines)
        return Imported(source, rows, accepted, rows - accepted - len(sealed.rejects), tuple(sealed.rejects))

    async def _write(
        self,
        session: AsyncSession,
        data: bytes,
        order: ImportOrder,
        table: SourceTable,
        source: str,
        blob: str,
        sealed: _Sealed,
    ) -> int:
        dataset = await session.get(DatasetRow, order.dataset)
        if dataset is None:
            dataset = DatasetRow(name=order.dataset, kind=order.kind.value, revision=0, created=self._clock())
            session.add(dataset)
            await session.flush()
        row = SourceRow(
            id=source,
            dataset=order.dataset,
            blob=blob,
            bytes=len(data),
            rows=len(table.lines),
            accepted=0,
            duplicates=0,
            rejected=len(sealed.rejects),
            column=table.column,
            delimiter=table.delimiter.value,
            region=order.region,
            extractor=EXTRACTOR,
            imported=self._clock(),
        )
        session.add(row)
        await session.flush()
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        unless_known = dialect.insert(RecordRow).on_conflict_do_nothing(index_elements=["dataset", "lookup"])
        for start in range(0, len(sealed.records), INSERT_ROWS):
            await session.execute(unless_known, sealed.records[start : start + INSERT_ROWS])
        rejects = [{"source": source, "line": line, "reason": reason} for line, reason in sealed.rejects]
        for start in range(0, len(rejects), INSERT_ROWS):
            await session.execute(insert(RejectRow), rejects[start : start + INSERT_ROWS])
        accepted = (
            await session.scalar(select(func.count()).select_from(RecordRow).where(RecordRow.source == source)) or 0
        )
        row.accepted = accepted
        row.duplicates = row.rows - accepted - row.rejected
        if accepted:
            dataset.revision += 1
        await self._custody.record(
            "source-imported",
            {
                "dataset": order.dataset,
                "source": source,
                "kind": order.kind.value,
                "extractor": EXTRACTOR,
                "rows": row.rows,
                "accepted": accepted,
                "duplicates": row.duplicates,
                "rejected": row.rejected,
            },
            session,
        )
        return accepted
