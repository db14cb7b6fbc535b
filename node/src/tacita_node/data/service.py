"""What the rest of the node, and its users, may ask of the node's own data."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.clock import Clock
from tacita_node.data.custody import CustodyChain
from tacita_node.data.epochs import Epochs, EpochSnapshot
from tacita_node.data.imports import Imported, Importer, ImportOrder, ImportProgress
from tacita_node.data.records import RecordSealer
from tacita_node.data.tables import DatasetRow, EpochRow, RecordRow, RejectRow, SourceRow
from tacita_node.data.uploads import Uploads
from tacita_node.identity import Identity
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_protocol.crypto.jcs import JSONValue
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.psi.engines import ENGINE_NAMES
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_sdk.broker import BrokerClient

ROWS_AT_A_TIME = 500
"""Records looked up by one query."""


@dataclass(frozen=True)
class HitSource:
    """Where an own record came from, and the text that stood there."""

    source: str
    line: int
    value: str


@dataclass(frozen=True)
class DatasetState:
    """One own dataset. `epoch` is the newest prepared one, 0 for none."""

    name: str
    kind: Kind
    records: int
    epoch: int
    card: DatasetCard | None
    """The card of that epoch, once the broker took it."""


@dataclass(frozen=True)
class Publication:
    """What a dataset card says besides what the node computes."""

    sensitivity: Sensitivity
    discoverable_by: tuple[PartnerKind, ...]
    jurisdictions: tuple[str, ...]


class DatasetService:
    """Own datasets: import, prepare, publish, and lead hits back to their sources."""

    def __init__(
        self,
        database: Database,
        *,
        identity: Identity,
        cipher: StorageCipher,
        uploads: Uploads,
        importer: Importer,
        epochs: Epochs,
        custody: CustodyChain,
        broker: BrokerClient,
        clock: Clock,
    ) -> None:
        self._database = database
        self._identity = identity
        self._own = identity.card.body
        self._cipher = cipher
        self._importer = importer
        self.uploads = uploads
        self._epochs = epochs
        self._custody = custody
        self._broker = broker
        self._clock = clock
        self.publishing = asyncio.Lock()
        """Held while a card is on its way to the broker: a withdrawal must not overtake it."""

    async def import_source(self, data: bytes, order: ImportOrder) -> Imported:
        """Imports a source file that is in memory, all of it or nothing. Raises `ProblemError`."""
        upload = await self.uploads.whole(data)
        return await self._importer.run(upload, order, ImportProgress(upload.size))

    async def forget_unrecorded(self) -> None:
        """Destroys source files that a crash kept from being recorded as imported."""
        await self.uploads.forget_unrecorded()

    async def drop_left_behind(self) -> None:
        """Drops the rows, seen by nobody, of an import that a crash ended."""
        await self._importer.drop_left_behind()

    async def datasets(self) -> list[DatasetState]:
        """The own datasets by name."""
        async with self._database.read() as session:
            there = select(DatasetRow).where(DatasetRow.revision > 0)
            rows = (await session.scalars(there.order_by(DatasetRow.name))).all()
            grouped = select(SourceRow.dataset, func.sum(SourceRow.accepted)).group_by(SourceRow.dataset)
            counts: dict[str, int] = {row[0]: int(row[1]) for row in await session.execute(grouped)}
            newest = select(EpochRow.dataset, func.max(EpochRow.epoch)).group_by(EpochRow.dataset)
            last: dict[str, int] = {row[0]: row[1] for row in await session.execute(newest)}
            states = []
            for row in rows:
                epoch = await session.get(EpochRow, (row.name, last[row.name])) if row.name in last else None
                offered = epoch is not None and epoch.published is not None and epoch.withdrawn is None
                card = self._card_of(epoch) if epoch is not None and offered else None
                number = 0 if epoch is None else epoch.epoch
                body = None if card is None else card.body
                states.append(DatasetState(row.name, Kind(row.kind), counts.get(row.name, 0), number, body))
        return states

    async def rejects(self, dataset: str, source: str, limit: int, *, after: int = 0) -> list[tuple[int, str]]:
        """At most `limit` rejected lines of one source after line `after`: (line, reason), in order.

        Raises `ProblemError`.
        """
        async with self._database.read() as session:
            row = await session.get(SourceRow, source)
            if row is None or row.dataset != dataset or row.staged:
                raise ProblemError(404, "no-such-source", "This dataset has no such source.")
            columns = select(RejectRow.line, RejectRow.reason).where(RejectRow.source == source, RejectRow.line > after)
            found = (await session.execute(columns.order_by(RejectRow.line).limit(limit))).all()
        return [(line, reason) for line, reason in found]

    async def latest_epoch(self, name: str) -> EpochSnapshot:
        """The newest version of a dataset, prepared now if the data changed. Raises `ProblemError`."""
        return await self._epochs.latest(name)

    async def published_epoch(self, name: str, epoch: int) -> EpochSnapshot:
        """The epoch that a partner asks about. Raises `ProblemError` when it is not, or no longer, published."""
        async with self._database.read() as session:
            row = await session.get(EpochRow, (name, epoch))
        if row is None or row.published is None or row.withdrawn is not None:
            raise ProblemError(404, "no-such-epoch", "This node has not published such an epoch of that dataset.")
        return await self._epochs.load(name, epoch)

    async def card(self, name: str) -> Signed[DatasetCard] | None:
        """The card of the newest published epoch, None when there is none, or when that one was withdrawn."""
        published = select(EpochRow).where(EpochRow.dataset == name, EpochRow.published.is_not(None))
        async with self._database.read() as session:
            row = await session.scalar(published.order_by(EpochRow.epoch.desc()).limit(1))
        return None if row is None or row.withdrawn is not None else self._card_of(row)

    async def last_card(self, name: str) -> Signed[DatasetCard] | None:
        """The card of the newest epoch that was ever published, also if it was withdrawn; None when there is none."""
        published = select(EpochRow).where(EpochRow.dataset == name, EpochRow.published.is_not(None))
        async with self._database.read() as session:
            row = await session.scalar(published.order_by(EpochRow.epoch.desc()).limit(1))
        return None if row is None else self._card_of(row)

    async def published_card(self, name: str, epoch: int) -> Signed[DatasetCard] | None:
        """The card of that epoch, None when it is not, or no longer, published."""
        async with self._database.read() as session:
            row = await session.get(EpochRow, (name, epoch))
        if row is None or row.published is None or row.withdrawn is not None:
            return None
        return self._card_of(row)

    async def is_withdrawn(self, name: str, epoch: int) -> bool:
        """Whether that epoch, published or not, was withdrawn. It stays so: what is published again is a new epoch."""
        async with self._database.read() as session:
            return (await session.get_one(EpochRow, (name, epoch))).withdrawn is not None

    async def publish(self, name: str, publication: Publication) -> DatasetCard:
        """Signs a card for the present data and hands it to the broker. The data stays.

        The card is stored before it is sent: after a broken connection the same bytes go out again. Other terms for
        the same data make a new epoch, because an epoch has one card, and so does what was withdrawn. Raises
        `ProblemError`, or what the broker raises.
        """
        async with self.publishing:
            snapshot = await self._epochs.latest(name)
            row = await self._row_of(snapshot)
            if row.withdrawn is not None:
                snapshot = await self._epochs.latest(name, renew=True)
                row = await self._row_of(snapshot)
            card = None if row.card is None else self._card_of(row)
            if card is not None and not self._says(card.body, publication):
                snapshot = await self._epochs.latest(name, renew=True)
                card = None
            if card is None:
                card = await self._sign_card(snapshot, publication)
            await self._broker.publish_dataset(name, snapshot.epoch, card.envelope)
            await self._published(snapshot, card)
        return card.body

    async def withdraw_in(self, session: AsyncSession, name: str | None = None) -> bool:
        """Withdraws a dataset, or all of them, in the caller's write transaction. False when there was nothing to do.

        From its commit on, no question of a partner about it is answered; what is published again is a new epoch.
        """
        there = select(EpochRow).where(EpochRow.withdrawn.is_(None))
        rows = list(await session.scalars(there if name is None else there.where(EpochRow.dataset == name)))
        for row in rows:
            row.withdrawn = self._clock()
        return any(row.card is not None for row in rows)

    async def _published(self, snapshot: EpochSnapshot, card: Signed[DatasetCard]) -> None:
        name = snapshot.dataset
        async with self._database.write() as session:
            row = await session.get_one(EpochRow, (name, snapshot.epoch))
            if row.withdrawn is not None:
                raise _withdrawn()
            if row.published is None:
                row.published = self._clock()
                details: dict[str, JSONValue] = {
                    "dataset": name,
                    "epoch": snapshot.epoch,
                    "padded_size": snapshot.padded_size,
                    "commitment": snapshot.commitment,
                    "card": card.digest,
                    "sensitivity": card.body.sensitivity.value,
                }
                await self._custody.record("dataset-published", details, session)

    def records_hit(self, snapshot: EpochSnapshot, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the records that are hit when the tokens `rows` of an epoch matched, ascending. Opens no record."""
        return self._epochs.records_hit(snapshot, rows)

    async def describe_records(self, snapshot: EpochSnapshot, records: NDArray[np.int64]) -> list[HitSource]:
        """The sources of some records of an epoch, in their order. Opens those records and no others."""
        wanted: list[int] = records.tolist()
        sealer = RecordSealer(self._cipher, dataset=snapshot.dataset, kind=snapshot.kind)
        found: dict[int, HitSource] = {}
        async with self._database.read() as session:
            for start in range(0, len(wanted), ROWS_AT_A_TIME):
                rows = await session.scalars(
                    select(RecordRow).where(RecordRow.id.in_(wanted[start : start + ROWS_AT_A_TIME]))
                )
                for record in rows:
                    opened = sealer.open(record.sealed, source=record.source, line=record.line, version=record.version)
                    found[record.id] = HitSource(record.source, record.line, opened.original)
        return [found[number] for number in wanted]

    async def _row_of(self, snapshot: EpochSnapshot) -> EpochRow:
        async with self._database.read() as session:
            return await session.get_one(EpochRow, (snapshot.dataset, snapshot.epoch))

    async def _sign_card(self, snapshot: EpochSnapshot, publication: Publication) -> Signed[DatasetCard]:
        body = DatasetCard(
            partner=self._own.partner,
            dataset=snapshot.dataset,
            kind=snapshot.kind,
            normaliser=snapshot.normaliser,
            epoch=snapshot.epoch,
            padded_size=snapshot.padded_size,
            commitment=snapshot.commitment,
            engines=ENGINE_NAMES,
            online=None,
            sensitivity=publication.sensitivity,
            jurisdictions=self._jurisdictions(publication),
            labels=(),
            discoverable_by=_sorted(publication.discoverable_by),
            issued=self._clock(),
        )
        card = sign_statement(body, self._identity.keys.signing)
        async with self._database.write() as session:
            row = await session.get_one(EpochRow, (snapshot.dataset, snapshot.epoch))
            if row.withdrawn is not None:  # whoever withdrew it found no card to revoke: none may come after it
                raise _withdrawn()
            row.card = card.envelope
        return card

    def _card_of(self, row: EpochRow) -> Signed[DatasetCard]:
        if row.card is None:
            raise RuntimeError("this epoch has no card yet")
        return self._identity.verify_own(DatasetCard, row.card)

    def _says(self, card: DatasetCard, publication: Publication) -> bool:
        return (card.sensitivity, card.discoverable_by, card.jurisdictions) == (
            publication.sensitivity,
            _sorted(publication.discoverable_by),
            self._jurisdictions(publication),
        )

    def _jurisdictions(self, publication: Publication) -> tuple[str, ...]:
        return publication.jurisdictions or self._own.jurisdictions


def _withdrawn() -> ProblemError:
    return ProblemError(409, "withdrawn", "This dataset was withdrawn meanwhile; publish it again.")


def _sorted(kinds: Sequence[PartnerKind]) -> tuple[PartnerKind, ...]:
    return tuple(sorted(set(kinds)))
