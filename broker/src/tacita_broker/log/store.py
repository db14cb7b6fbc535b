"""What the sequencer keeps in the database.

Each method is one transaction; when it returns, its effect is on the disk. Everything that changes the log names the
holder of the lease and the head that it starts from, and fails with `LeaseLost` when either is no longer true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.errors import LeaseLost, LogDamaged
from tacita_broker.log.tables import HEAD_ROW, LogEntryRow, LogHeadRow, LogStageRow
from tacita_broker.storage import WHOLE, Base, Database
from tacita_protocol.tlog.tiles import TILE_WIDTH


@dataclass(frozen=True)
class Head:
    """The newest checkpoint, signed by the log only."""

    size: int
    note: str


@dataclass(frozen=True)
class Waiting:
    """Entries that have no position yet, and those of the log's last, incomplete bundle, which they will complete."""

    rows: Sequence[int]
    """What the database knows the entries by."""
    entries: Sequence[bytes]
    bundle: Sequence[bytes]


async def queue_entry(
    session: AsyncSession, reference: str, entry: bytes, *, now: int, excluded: Sequence[str] = ()
) -> None:
    """Hand an entry to the log inside the caller's transaction; a running sequencer picks it up.

    A second entry with the same reference violates a unique constraint: what was decided once is logged once.
    """
    values = {"reference": reference, "entry": entry, "excluded": ",".join(sorted(excluded)), "queued": now}
    await session.execute(_QUEUE, values)


class LogStore:
    """Head, stage and entries of the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, note: str) -> None:
        """Store the checkpoint of the empty log. Raises `LogDamaged` when there is a log already."""
        async with self._database.write() as session:
            if await session.get(LogHeadRow, HEAD_ROW) is not None:
                raise LogDamaged("the database holds a log already")
            session.add(LogHeadRow(id=HEAD_ROW, size=0, note=note, holder=""))

    async def take_lease(self, holder: str) -> Head:
        """Become the only sequencer: whoever held the lease fails at its next stage."""
        async with self._database.write() as session:
            row = await session.get(LogHeadRow, HEAD_ROW)
            if row is None:
                raise LogDamaged("the database holds no log")
            row.holder = holder
            return Head(row.size, row.note)

    async def held_head(self, holder: str) -> Head:
        """The newest stored checkpoint. Raises `LeaseLost` unless `holder` still has the lease."""
        async with self._database.read() as session:
            return await _held(session, holder)

    async def head(self) -> Head:
        """The newest stored checkpoint."""
        async with self._database.read() as session:
            row = await session.get(LogHeadRow, HEAD_ROW)
            if row is None:
                raise LogDamaged("the database holds no log")
            return Head(row.size, row.note)

    async def waiting(self, holder: str, limit: int) -> Waiting:
        """The entries that wait longest, in the order in which they came.

        Raises `LeaseLost` unless `holder` still has the lease, also when none waits.
        """
        async with self._database.read() as session:
            head = await _held(session, holder)
            found = (await session.execute(_WAITING, {"limit": limit})).all()
            bundle = await _entries(session, head.size - head.size % TILE_WIDTH, head.size) if found else []
        return Waiting([row for row, _ in found], [entry for _, entry in found], bundle)

    async def entries(self, start: int, stop: int) -> list[bytes]:
        """Entries with positions in [start, stop). Raises `LogDamaged` when one is missing."""
        async with self._database.read() as session:
            return await _entries(session, start, stop)

    async def positions(self) -> int:
        """How many entries have a position."""
        async with self._database.read() as session:
            query = select(func.count()).select_from(LogEntryRow).where(LogEntryRow.position.is_not(None))
            return (await session.execute(query)).scalar_one()

    async def stage(
        self,
        holder: str,
        old: Head,
        new: Head,
        rows: Sequence[int],
        files: Sequence[tuple[str, bytes]],
    ) -> None:
        """Swap the head, give `rows` the positions from `old.size` on, and keep `files` until they are written."""
        async with self._database.write() as session:
            swap = (
                update(LogHeadRow)
                .where(LogHeadRow.holder == holder, LogHeadRow.size == old.size, LogHeadRow.note == old.note)
                .values(size=new.size, note=new.note)
            )
            places = [{"row": row, "place": place} for place, row in enumerate(rows, old.size)]
            for statement, changes in ((swap, [{}]), (_PLACE, places)):
                # By the connection: a session would make of it an update by primary key, without the condition.
                changed = await (await session.connection()).execute(statement, changes)
                if changed.rowcount != len(changes):
                    raise _lost()
            await session.execute(insert(LogStageRow), [{"path": path, "data": data} for path, data in files])

    async def staged(self) -> list[tuple[str, bytes]]:
        """Files of the head that may not be on the disk yet, in the order of their paths."""
        async with self._database.read() as session:
            rows = await session.execute(select(LogStageRow.path, LogStageRow.data).order_by(LogStageRow.path))
            return [(path, data) for path, data in rows]

    async def clear_stage(self, holder: str, head: Head) -> None:
        """Forget the staged files: they and the checkpoint are published."""
        async with self._database.write() as session:
            if (await _held(session, holder)).size != head.size:
                raise _lost()
            await session.execute(delete(LogStageRow))


_QUEUE: Final = insert(Base.metadata.tables[LogEntryRow.__tablename__])
"""Into the table: as a row that a session knows, it would cost three times as much."""
_WAITING: Final = (
    select(LogEntryRow.id, LogEntryRow.entry)
    .where(LogEntryRow.position.is_(None))
    .order_by(LogEntryRow.id)
    .limit(bindparam("limit", type_=WHOLE))
)
_PLACE: Final = (
    update(LogEntryRow)
    .where(LogEntryRow.id == bindparam("row"), LogEntryRow.position.is_(None))
    .values(position=bindparam("place"))
)


async def _held(session: AsyncSession, holder: str) -> Head:
    """The newest stored checkpoint. Raises `LeaseLost` unless `holder` still has the lease."""
    row = await session.get(LogHeadRow, HEAD_ROW)
    if row is None or row.holder != holder:
        raise _lost()
    return Head(row.size, row.note)


def _lost() -> LeaseLost:
    return LeaseLost("another broker has taken over the log")


async def _entries(session: AsyncSession, start: int, stop: int) -> list[bytes]:
    query = select(LogEntryRow.entry).where(LogEntryRow.position >= start, LogEntryRow.position < stop)
    entries = list(await session.scalars(query.order_by(LogEntryRow.position)))
    if len(entries) != stop - start:
        raise LogDamaged("the database lacks entries of the log")
    return entries
