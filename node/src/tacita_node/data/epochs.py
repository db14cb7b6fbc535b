"""Epochs: one version of a dataset as packed tokens, so that a match opens no record.

A record has one token or several, side by side, as the tokeniser of its kind says; everything counted here is tokens.

An epoch is prepared once after the data changed and then never changes: its tokens and record numbers are one
encrypted blob, its padded size and commitment one row. The seed of the commitment's salts is derived from the node's
commitment key, dataset and epoch, so that it can be opened later and is stored nowhere.

Records are only ever added, with ascending numbers. So an epoch takes over the tokens of the one before it, and only
the records that came since are opened (`tokenising.py`); should a record of that epoch be gone, all are opened again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from tacita_node.blobs import BlobStore
from tacita_node.clock import Clock
from tacita_node.data.tables import DatasetRow, EpochRow, SourceRow, existing_dataset
from tacita_node.data.token_pages import TokenisedRecords
from tacita_node.data.tokenising import RecordTokens, joined
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_node.workers import Workers
from tacita_protocol.crypto.digest import Digest, hkdf_sha256
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.token import Tokens, commitment
from tacita_protocol.identifiers.tokeniser import Tokeniser, tokeniser_of
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.engine import Task

EPOCH_BLOBS = "epochs"
TOKEN_BYTES = 32
ID_BYTES = 8


@dataclass(frozen=True)
class EpochSnapshot:
    """One epoch, in memory. `tokens` is (n, 32) uint8, row i is of record `record_ids[i]` (n,) int64; both read-only.

    Rows of one record lie side by side and record ids ascend: they are the `Owners` that a tokeniser resolves.
    """

    dataset: str
    kind: Kind
    normaliser: str
    epoch: int
    tokens: Tokens
    record_ids: NDArray[np.int64]
    padded_size: int
    commitment: Digest


@dataclass(frozen=True)
class _Basis:
    """What a new epoch is made of, in one view of the database."""

    dataset: DatasetRow
    number: int
    last: EpochRow | None
    sources: dict[str, int]
    """Records of each source."""


class Epochs:
    """Prepares and loads epochs."""

    def __init__(
        self,
        database: Database,
        *,
        cipher: StorageCipher,
        blobs: BlobStore,
        workers: Workers,
        commitment_key: bytes,
        clock: Clock,
        tokenisers: Callable[[Kind], Tokeniser] = tokeniser_of,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._blobs = blobs
        self._workers = workers
        self._records = RecordTokens(database, cipher=cipher, workers=workers)
        self._commitment_key = commitment_key
        self._clock = clock
        self._tokenisers = tokenisers
        self._one_at_a_time = asyncio.Lock()

    async def latest(self, dataset: str, *, renew: bool = False) -> EpochSnapshot:
        """The newest epoch, prepared now when the data changed since the last one (or anyway, with `renew`).

        Raises `ProblemError` for a dataset that does not exist or is empty.
        """
        async with self._one_at_a_time:
            async with self._database.read() as session:
                row = await existing_dataset(session, dataset)
                last = await session.scalar(
                    select(EpochRow).where(EpochRow.dataset == dataset).order_by(EpochRow.epoch.desc()).limit(1)
                )
            if row is None:
                raise ProblemError(404, "no-such-dataset", "This node has no dataset of that name.")
            current = last is not None and last.revision == row.revision and last.normaliser == self._version(row)
            if last is not None and current and not renew:
                return await self._load(row, last)
            return await self._prepare(dataset)

    async def load(self, dataset: str, epoch: int) -> EpochSnapshot:
        """A prepared epoch. Raises `ProblemError` when there is none of that number."""
        async with self._database.read() as session:
            row = await existing_dataset(session, dataset)
            found = await session.get(EpochRow, (dataset, epoch))
        if row is None or found is None:
            raise ProblemError(404, "no-such-epoch", "This node has no such epoch of that dataset.")
        return await self._load(row, found)

    def records_hit(self, snapshot: EpochSnapshot, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the records that are hit when the tokens `rows` of an epoch matched, ascending and unique."""
        return self._tokenisers(snapshot.kind).resolve(snapshot.record_ids, rows)

    async def _prepare(self, dataset: str) -> EpochSnapshot:
        basis = await self._basis(dataset)
        row, number = basis.dataset, basis.number
        tokeniser = self._tokenisers(Kind(row.kind))
        made = await self._tokens(basis, tokeniser)
        if not len(made.record_ids):
            raise ProblemError(409, "dataset-empty", "This dataset has no records yet.")
        [claimed] = await self._workers.run([Task(commitment, (made.tokens, self._seed(dataset, number)))])
        size = padded_count(len(made.tokens))
        snapshot = _snapshot(row, number, tokeniser.version, made.tokens, made.record_ids, size, claimed)
        packed = await asyncio.to_thread(_pack, snapshot)
        await self._blobs.put(EPOCH_BLOBS, _blob(dataset, number), packed)
        async with self._database.write() as session:
            session.add(
                EpochRow(
                    dataset=dataset,
                    epoch=number,
                    revision=row.revision,
                    normaliser=snapshot.normaliser,
                    count=len(snapshot.tokens),
                    padded_size=snapshot.padded_size,
                    commitment=snapshot.commitment,
                    card=None,
                    published=None,
                    created=self._clock(),
                )
            )
        return snapshot

    async def _basis(self, dataset: str) -> _Basis:
        async with self._database.read() as session:  # one view: revision and sources belong together
            row = await session.get_one(DatasetRow, dataset)
            last = await session.scalar(
                select(EpochRow).where(EpochRow.dataset == dataset).order_by(EpochRow.epoch.desc()).limit(1)
            )
            there = select(SourceRow.id, SourceRow.accepted).where(SourceRow.dataset == dataset, ~SourceRow.staged)
            sources = {source: accepted for source, accepted in await session.execute(there) if accepted}
        return _Basis(row, 1 if last is None else last.epoch + 1, last, sources)

    async def _tokens(self, basis: _Basis, tokeniser: Tokeniser) -> TokenisedRecords:
        """Of all records: taken over from the last epoch where the rules are the same, computed where they are new."""
        dataset, last, total = basis.dataset, basis.last, sum(basis.sources.values())
        if last is not None and last.normaliser == tokeniser.version:
            before = await self._load(dataset, last)
            known = TokenisedRecords(before.tokens, before.record_ids)
            after = int(known.record_ids[-1])
            new = await self._records.of(dataset.name, basis.sources, tokeniser, after=after)
            if known.records + new.records == total:
                return joined([known, new])
        made = await self._records.of(dataset.name, basis.sources, tokeniser, after=0)
        if made.records != total:
            raise DecryptionFailed("a dataset does not have as many records as its sources say")
        return made

    async def _load(self, dataset: DatasetRow, row: EpochRow) -> EpochSnapshot:
        packed = await self._blobs.get(EPOCH_BLOBS, _blob(row.dataset, row.epoch))
        if len(packed) != row.count * (TOKEN_BYTES + ID_BYTES):
            raise DecryptionFailed("an epoch's blob does not have the size that its row says")
        border = row.count * TOKEN_BYTES
        tokens = np.frombuffer(packed[:border], dtype=np.uint8).reshape(row.count, TOKEN_BYTES)
        ids = np.frombuffer(packed[border:], dtype="<i8").astype(np.int64)
        return _snapshot(dataset, row.epoch, row.normaliser, tokens, ids, row.padded_size, Digest(row.commitment))

    def _version(self, row: DatasetRow) -> str:
        return self._tokenisers(Kind(row.kind)).version

    def _seed(self, dataset: str, epoch: int) -> bytes:
        return hkdf_sha256(self._commitment_key, b"tacita/commitment-seed/v1\0" + f"{dataset}\0{epoch}".encode())


def _snapshot(
    dataset: DatasetRow,
    epoch: int,
    normaliser: str,
    tokens: Tokens,
    ids: NDArray[np.int64],
    padded_size: int,
    claimed: Digest,
) -> EpochSnapshot:
    tokens.flags.writeable = False
    ids.flags.writeable = False
    return EpochSnapshot(dataset.name, Kind(dataset.kind), normaliser, epoch, tokens, ids, padded_size, claimed)


def _pack(snapshot: EpochSnapshot) -> bytes:
    return snapshot.tokens.tobytes() + snapshot.record_ids.astype("<i8").tobytes()


def _blob(dataset: str, epoch: int) -> str:
    return f"{dataset}.{epoch}"
