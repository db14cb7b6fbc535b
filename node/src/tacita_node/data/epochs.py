"""Epochs: one version of a dataset as packed tokens, so that a match opens no record.

A record has one token or several, side by side, as the tokeniser of its kind says; everything counted here is tokens.

An epoch is prepared once after the data changed and then never changes: its tokens and record numbers are one
encrypted blob, its padded size and commitment one row. The seed of the commitment's salts is derived from the node's
commitment key, dataset and epoch, so that it can be opened later and is stored nowhere.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from tacita_node.blobs import BlobStore
from tacita_node.clock import Clock
from tacita_node.data.records import RecordSealer
from tacita_node.data.tables import DatasetRow, EpochRow, RecordRow
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_protocol.crypto.digest import Digest, hkdf_sha256
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.token import Tokens, commitment
from tacita_protocol.identifiers.tokeniser import Tokeniser, tokeniser_of
from tacita_protocol.psi.buckets import padded_count

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
class _Sealed:
    id: int
    source: str
    line: int
    version: int
    sealed: bytes


class Epochs:
    """Prepares and loads epochs."""

    def __init__(
        self,
        database: Database,
        *,
        cipher: StorageCipher,
        blobs: BlobStore,
        commitment_key: bytes,
        clock: Clock,
        tokenisers: Callable[[Kind], Tokeniser] = tokeniser_of,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._blobs = blobs
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
                row = await session.get(DatasetRow, dataset)
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
            row = await session.get(DatasetRow, dataset)
            found = await session.get(EpochRow, (dataset, epoch))
        if row is None or found is None:
            raise ProblemError(404, "no-such-epoch", "This node has no such epoch of that dataset.")
        return await self._load(row, found)

    def records_hit(self, snapshot: EpochSnapshot, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the records that are hit when the tokens `rows` of an epoch matched, ascending and unique."""
        return self._tokenisers(snapshot.kind).resolve(snapshot.record_ids, rows)

    async def _prepare(self, dataset: str) -> EpochSnapshot:
        async with self._database.read() as session:  # one view: revision and records belong together
            row = await session.get_one(DatasetRow, dataset)
            number = (
                await session.scalar(select(func.max(EpochRow.epoch)).where(EpochRow.dataset == dataset)) or 0
            ) + 1
            columns = (RecordRow.id, RecordRow.source, RecordRow.line, RecordRow.version, RecordRow.sealed)
            found = await session.execute(select(*columns).where(RecordRow.dataset == dataset).order_by(RecordRow.id))
            records = [_Sealed(*record) for record in found.all()]
        if not records:
            raise ProblemError(409, "dataset-empty", "This dataset has no records yet.")
        snapshot = await asyncio.to_thread(self._compute, row, number, records)
        await self._blobs.put(EPOCH_BLOBS, _blob(dataset, number), _pack(snapshot))
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

    def _compute(self, row: DatasetRow, number: int, records: list[_Sealed]) -> EpochSnapshot:
        tokeniser = self._tokenisers(Kind(row.kind))
        sealer = RecordSealer(self._cipher, dataset=row.name, kind=tokeniser.kind)
        canonicals = []
        for record in records:
            opened = sealer.open(record.sealed, source=record.source, line=record.line, version=record.version)
            if opened.normaliser != tokeniser.version:
                # Tokens of another version's canonical forms would match nothing, and nobody would notice.
                raise ProblemError(409, "normaliser-changed", "Import this dataset's sources again under a new name.")
            canonicals.append(opened.canonical)
        made = tokeniser.tokenise(canonicals)
        ids = np.array([record.id for record in records], dtype=np.int64)[made.owners]
        claimed = commitment(made.tokens, self._seed(row.name, number))
        size = padded_count(len(made.tokens))
        return _snapshot(row, number, tokeniser.version, made.tokens, ids, size, claimed)

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
