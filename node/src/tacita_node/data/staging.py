"""The rows of an import, written in many small transactions and there for everybody with the last one.

The database has one writer, and matches need it: a million rows in one transaction would keep them waiting. So a source
is written as `staged`, its records and rejects in transactions of a fraction of a second, and the last transaction,
which is as short for a million rows as for one, unstages it, counts up the dataset's revision and writes the custody
event. Whoever reads records asks for those of sources that are not staged.

A crash before the last transaction leaves rows that nobody sees. They are dropped, in small transactions too, before
the next import begins: one import runs at a time, so whatever is staged then has been left behind. What a cancelled
import staged is dropped likewise, at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Delete, Insert, delete, func, insert, select
from sqlalchemy.dialects import sqlite

from tacita_node.clock import Clock
from tacita_node.data.custody import CustodyChain
from tacita_node.data.records import RECORD_VERSION
from tacita_node.data.sealing import SealedRecord
from tacita_node.data.sources import EXTRACTOR, SourceLayout
from tacita_node.data.tables import DatasetRow, RecordRow, RejectRow, SourceRow
from tacita_node.storage import Database
from tacita_protocol.crypto.jcs import JSONValue
from tacita_protocol.identifiers.kind import Kind

ROWS_AT_ONCE = 2_000
"""Rows of one transaction: some 30 milliseconds. More of them take longer for each, and memory that stays."""

LOOKUPS_AT_ONCE = 500
"""Lookups of one query."""


@dataclass(frozen=True)
class StagedSource:
    """What the rows of one import say."""

    source: str
    dataset: str
    kind: Kind
    blob: str
    bytes: int
    rows: int
    rejected: int
    layout: SourceLayout
    region: str | None
    normaliser: str


class Staging:
    """Writes the rows of imports. One import at a time."""

    def __init__(self, database: Database, *, custody: CustodyChain, clock: Clock) -> None:
        self._database = database
        self._custody = custody
        self._clock = clock

    async def begin(self, source: StagedSource) -> None:
        """Writes the staged source, and a dataset that nobody sees if there is none of that name."""
        async with self._database.write() as session:
            if await session.get(DatasetRow, source.dataset) is None:
                row = DatasetRow(name=source.dataset, kind=source.kind.value, revision=0, created=self._clock())
                session.add(row)
                await session.flush()
            session.add(
                SourceRow(
                    id=source.source,
                    dataset=source.dataset,
                    blob=source.blob,
                    bytes=source.bytes,
                    rows=source.rows,
                    accepted=0,
                    duplicates=0,
                    rejected=source.rejected,
                    column=source.layout.column,
                    delimiter=source.layout.delimiter.value,
                    region=source.region,
                    extractor=EXTRACTOR,
                    normaliser=source.normaliser,
                    staged=True,
                    imported=self._clock(),
                )
            )

    async def add_records(self, source: StagedSource, records: Sequence[SealedRecord]) -> None:
        """Writes records that the dataset does not hold yet, in one transaction."""
        rows = [
            {
                "dataset": source.dataset,
                "source": source.source,
                "line": record.line,
                "version": RECORD_VERSION,
                "lookup": record.lookup,
                "sealed": record.sealed,
            }
            for record in records
        ]
        async with self._database.write() as session:
            await session.execute(_unless_known(session.get_bind().dialect.name), rows)

    async def add_rejects(self, source: StagedSource, rejects: Sequence[tuple[int, str]]) -> None:
        """Writes rejected lines."""
        for start in range(0, len(rejects), ROWS_AT_ONCE):
            some = rejects[start : start + ROWS_AT_ONCE]
            rows = [{"source": source.source, "line": line, "reason": reason} for line, reason in some]
            async with self._database.write() as session:
                await session.execute(insert(RejectRow), rows)

    async def finish(self, source: StagedSource) -> int:
        """Makes everything of this source visible at once, or raises. Returns the number of accepted records."""
        counted = select(func.count()).select_from(RecordRow).where(RecordRow.source == source.source)
        async with self._database.read() as session:
            accepted = await session.scalar(counted) or 0
        async with self._database.write() as session:
            row = await session.get_one(SourceRow, source.source)
            row.staged = False
            row.accepted = accepted
            row.duplicates = row.rows - accepted - row.rejected
            row.imported = self._clock()
            if accepted:
                (await session.get_one(DatasetRow, source.dataset)).revision += 1
            details: dict[str, JSONValue] = {
                "dataset": source.dataset,
                "source": source.source,
                "kind": source.kind.value,
                "extractor": EXTRACTOR,
                "rows": row.rows,
                "accepted": accepted,
                "duplicates": row.duplicates,
                "rejected": row.rejected,
            }
            await self._custody.record("source-imported", details, session)
        return accepted

    async def held(self, dataset: str, records: Sequence[SealedRecord]) -> int:
        """How many of these records the dataset holds already."""
        found = 0
        counted = select(func.count()).select_from(RecordRow).where(RecordRow.dataset == dataset)
        async with self._database.read() as session:
            for start in range(0, len(records), LOOKUPS_AT_ONCE):
                some = [record.lookup for record in records[start : start + LOOKUPS_AT_ONCE]]
                found += await session.scalar(counted.where(RecordRow.lookup.in_(some))) or 0
        return found

    async def drop_left_behind(self) -> None:
        """Drops what an import left that did not come to its end."""
        async with self._database.read() as session:
            sources = list(await session.scalars(select(SourceRow.id).where(SourceRow.staged)))
        for source in sources:
            for statement in (*_dropping_lines(source), _dropping_source(source)):
                while await self._changed(statement):
                    pass
        if sources:
            async with self._database.write() as session:
                await session.execute(_unused_datasets())

    async def drop_cancelled(self, source: str, dataset: str, kind: Kind) -> None:
        """Drops what a cancelled import had staged, if anything, and writes the custody event with the last of it.

        A crash in between leaves the rest, and no event: the import then ended with the crash.
        """
        for statement in _dropping_lines(source):
            while await self._changed(statement):
                pass
        details: dict[str, JSONValue] = {"dataset": dataset, "source": source, "kind": kind.value}
        async with self._database.write() as session:
            await session.execute(_dropping_source(source))
            await session.execute(_unused_datasets())
            await self._custody.record("import-cancelled", details, session)

    async def _changed(self, statement: Delete) -> bool:
        async with self._database.write() as session:
            connection = await session.connection()
            return bool((await connection.execute(statement)).rowcount)


def _dropping_lines(source: str) -> Iterator[Delete]:
    """Each to be repeated until nothing is left: records, then rejects. The source itself comes after them."""
    records = select(RecordRow.id).where(RecordRow.source == source).limit(ROWS_AT_ONCE)
    yield delete(RecordRow).where(RecordRow.id.in_(records))
    lines = select(RejectRow.line).where(RejectRow.source == source).limit(ROWS_AT_ONCE)
    yield delete(RejectRow).where(RejectRow.source == source, RejectRow.line.in_(lines))


def _dropping_source(source: str) -> Delete:
    return delete(SourceRow).where(SourceRow.id == source, SourceRow.staged)


def _unused_datasets() -> Delete:
    """Datasets of which the first import did not come to its end."""
    used = select(SourceRow.dataset)
    return delete(DatasetRow).where(DatasetRow.revision == 0, DatasetRow.name.not_in(used))


def _unless_known(dialect: str) -> Insert:
    """Adds records whose lookups are not there yet. Both databases have this; SQLAlchemy has one construct for each."""
    unique = ["dataset", "lookup"]
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # here: a node on SQLite needs no second dialect in memory

        return postgresql.insert(RecordRow).on_conflict_do_nothing(index_elements=unique)
    return sqlite.insert(RecordRow).on_conflict_do_nothing(index_elements=unique)
