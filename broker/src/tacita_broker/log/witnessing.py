"""Which checkpoint witnesses are asked for, whose cosignatures count, and which entries are proved by them.

One checkpoint at a time is pinned, until a quorum has cosigned it: witnesses that poll at different moments would
otherwise each sign another one. Every checkpoint that was pinned keeps collecting cosignatures.

An entry is proved by the first checkpoint that contains it and has a quorum in which the witnesses that the entry
excludes (the two parties of a match) do not count. A checkpoint with a quorum therefore stays pinned a little longer
when some match still lacks an independent cosignature.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.config import Limits
from tacita_broker.log.files import LogFiles
from tacita_broker.log.store import Head
from tacita_broker.log.tables import LogCheckpointRow, LogCosignatureRow, LogEntryRow
from tacita_broker.problems import conflict, refused
from tacita_broker.storage import Database
from tacita_protocol.api import WitnessNext
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.errors import ProofInvalid, ProtocolError
from tacita_protocol.tlog.merkle import consistency_proof, inclusion_proof
from tacita_protocol.tlog.note import MAX_SIGNATURES, compose, open_note, split_note
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.tiles import TileReader
from tacita_protocol.tlog.trust import TrustPolicy


@dataclass(frozen=True)
class _Pinned:
    """A checkpoint that witnesses are asked for, as stored."""

    size: int
    note: str
    pinned: int
    quorum: int | None
    lines: Mapping[str, str]
    """The cosignatures that are in, by witness, sorted."""
    unproved: frozenset[str]
    """What the entries exclude that it contains and that have no proof yet. No further ones come to it."""


class Witnessing:
    """Pins checkpoints, takes cosignatures, and answers with proofs."""

    def __init__(
        self, database: Database, files: LogFiles, head: Callable[[], Head], limits: Limits, clock: Callable[[], int]
    ) -> None:
        """`head` answers with the newest published checkpoint."""
        self._database = database
        self._files = files
        self._head = head
        self._limits = limits
        self._clock = clock
        self._changing = asyncio.Lock()
        self._newest: _Pinned | None = None
        """The newest pinned checkpoint as stored, unless `_unsure`: only the broker that holds the log changes any."""
        self._unsure = False
        """A change was cut off, or failed, in its transaction: it may be stored all the same."""
        self.trust: TrustPolicy | None = None
        """The federation's trust file; nothing is witnessed, and no match served, before it is issued."""

    async def advance(self) -> bool:
        """Pin the newest checkpoint if the pinned one has served its purpose. True when another one is pinned."""
        async with self._changing:
            head = self._head()
            if self.trust is None or head.size == 0:
                return False
            await self._be_sure()
            pinned = self._newest
            if pinned is not None and (pinned.size >= head.size or not self._served(pinned)):
                return False
            row = LogCheckpointRow(size=head.size, note=head.note, pinned=self._clock())
            self._unsure = True
            async with self._database.write() as session:
                session.add(row)
                new = await _stored(session, row)
            self._remember(new)
            return True

    async def next_for(self, old: int) -> WitnessNext | None:
        """What a witness whose tree has size `old` should cosign next, with the consistency proof; None: nothing."""
        pinned = self._newest
        if self.trust is None or pinned is None or old >= pinned.size:
            return None

        def prove() -> list[bytes]:
            # Nothing is proved from the empty tree (tlog-witness: the proof is empty then).
            return consistency_proof(old, pinned.size, TileReader(self._files.read, pinned.size)) if old else []

        hashes = await asyncio.to_thread(prove)
        return WitnessNext(old=old, proof=tuple(b64u(value) for value in hashes), checkpoint=pinned.note)

    async def add_cosignature(self, size: int, line: str) -> bool:
        """Verify and keep a cosignature. True when it proved something or completed a quorum.

        Raises `ProblemError`: 409 when the checkpoint was never pinned, 422 when the line is no fresh cosignature of a
        witness in the trust file.
        """
        async with self._changing:
            trust = self.trust
            await self._be_sure()
            checkpoint = await self._checkpoint(size)
            if trust is None or checkpoint is None:
                raise conflict("checkpoint-not-asked", "This checkpoint is not one that witnesses are asked for.")
            witness, time = self._verified(trust, checkpoint.note, line)
            now = self._clock()
            if not now - self._limits.cosignature_age_seconds <= time <= now + self._limits.clock_skew_seconds:
                raise refused("cosignature-time", "The time of the cosignature is not the present.")
            if witness in checkpoint.lines:
                return False
            cosigned = replace(checkpoint, lines=dict(sorted({**checkpoint.lines, witness: line}.items())))
            added = LogCosignatureRow(size=size, witness=witness, line=line, received=now)
            return await self._settle(trust, cosigned, added)

    async def resettle(self) -> None:
        """Read the pinned checkpoint and count its cosignatures: at a start, after a fault, under a new trust file."""
        async with self._changing:
            self._unsure = True
            await self._be_sure()
            if self.trust is not None and self._newest is not None:
                await self._settle(self.trust, self._newest)

    async def proof(self, reference: str) -> tuple[bytes, LogProof] | None:
        """The entry with this reference and its proof, or None while it has none."""
        query = select(LogEntryRow).where(LogEntryRow.reference == reference)
        async with self._database.read() as session:
            row = (await session.execute(query)).scalar_one_or_none()
            if row is None or row.position is None or row.proof_size is None:
                return None
            checkpoint = await session.get(LogCheckpointRow, row.proof_size)
            lines = await _cosignatures(session, row.proof_size)
        if checkpoint is None:
            raise RuntimeError("a proved entry names a checkpoint that is not stored")
        excluded = frozenset(row.excluded.split(",")) if row.excluded else frozenset[str]()
        position, size = row.position, row.proof_size

        def path() -> list[bytes]:
            return inclusion_proof(position, size, TileReader(self._files.read, size))

        hashes = await asyncio.to_thread(path)
        note = _cosigned(checkpoint.note, lines, excluded)
        return row.entry, LogProof(position, tuple(hashes), note)

    @staticmethod
    def _verified(trust: TrustPolicy, note: str, line: str) -> tuple[str, int]:
        """The witness and the time of a cosignature line over a checkpoint."""
        text, lines = split_note(note.encode())
        try:
            opened = open_note(compose(text, [*lines, line]), list(trust.witnesses.values()))
        except ProtocolError:
            raise refused(
                "cosignature-invalid",
                "The line is not a valid cosignature of this checkpoint by a witness of the trust file.",
            ) from None
        signature = opened.verified[0]
        witness = next(name for name, known in trust.witnesses.items() if known == signature.verifier)
        return witness, signature.timestamp or 0

    async def _settle(self, trust: TrustPolicy, checkpoint: _Pinned, added: LogCosignatureRow | None = None) -> bool:
        """Keep another cosignature of a checkpoint together with what all of them prove by now, and publish them.

        True when something was proved, or the quorum is there.
        """
        if not checkpoint.lines:
            return False
        quorum = _holds(trust, _cosigned(checkpoint.note, checkpoint.lines, frozenset()), frozenset())
        proved = frozenset(
            excluded
            for excluded in checkpoint.unproved
            if _holds(trust, _cosigned(checkpoint.note, checkpoint.lines, _names(excluded)), _names(excluded))
        )
        known = checkpoint.quorum or (self._clock() if quorum else None)
        settled = replace(checkpoint, quorum=known, unproved=checkpoint.unproved - proved)
        if added is not None or settled != checkpoint:
            newest = self._newest
            self._unsure = True
            async with self._database.write() as session:
                if added is not None:
                    session.add(added)
                await _mark(session, settled, proved)
                if newest is None or newest.size == settled.size:
                    newest = settled
                elif proved:  # and thus perhaps some of its entries
                    newest = replace(newest, unproved=await _unproved(session, newest.size))
            self._remember(newest)
        await asyncio.to_thread(self._files.add_cosignatures, _cosigned(checkpoint.note, checkpoint.lines, frozenset()))
        return quorum or bool(proved)

    async def _be_sure(self) -> None:
        """Read the newest pinned checkpoint again if what is remembered may not be what is stored."""
        if not self._unsure:
            return
        newest = select(LogCheckpointRow).order_by(LogCheckpointRow.size.desc()).limit(1)
        async with self._database.read() as session:
            row = await session.scalar(newest)
            found = None if row is None else await _stored(session, row)
        self._remember(found)

    def _remember(self, newest: _Pinned | None) -> None:
        self._newest, self._unsure = newest, False

    def _served(self, pinned: _Pinned) -> bool:
        if pinned.quorum is None:
            return False
        return not pinned.unproved or self._clock() - pinned.quorum >= self._limits.witness_pin_seconds

    async def _checkpoint(self, size: int) -> _Pinned | None:
        if self._newest is not None and self._newest.size == size:
            return self._newest
        async with self._database.read() as session:
            row = await session.get(LogCheckpointRow, size)
            return None if row is None else await _stored(session, row)


async def _stored(session: AsyncSession, row: LogCheckpointRow) -> _Pinned:
    """A checkpoint with what is known of it."""
    lines = await _cosignatures(session, row.size)
    return _Pinned(row.size, row.note, row.pinned, row.quorum, lines, await _unproved(session, row.size))


async def _mark(session: AsyncSession, checkpoint: _Pinned, proved: Collection[str]) -> None:
    """Store that the checkpoint proves the entries with these exclusions, and when it got its quorum."""
    contained = (LogEntryRow.position < checkpoint.size, LogEntryRow.proof_size.is_(None))
    if proved:
        own = LogEntryRow.excluded.in_(sorted(proved))
        await session.execute(update(LogEntryRow).where(*contained, own).values(proof_size=checkpoint.size))
    if checkpoint.quorum is not None:
        row = (LogCheckpointRow.size == checkpoint.size, LogCheckpointRow.quorum.is_(None))
        await session.execute(update(LogCheckpointRow).where(*row).values(quorum=checkpoint.quorum))


async def _unproved(session: AsyncSession, size: int) -> frozenset[str]:
    """The distinct exclusions of entries below `size` that have no proof yet."""
    query = select(LogEntryRow.excluded).where(LogEntryRow.position < size, LogEntryRow.proof_size.is_(None))
    return frozenset(await session.scalars(query.distinct()))


async def _cosignatures(session: AsyncSession, size: int) -> dict[str, str]:
    query = select(LogCosignatureRow).where(LogCosignatureRow.size == size).order_by(LogCosignatureRow.witness)
    return {row.witness: row.line for row in await session.scalars(query)}


def _names(excluded: str) -> frozenset[str]:
    return frozenset(excluded.split(",")) if excluded else frozenset()


def _cosigned(note: str, lines: Mapping[str, str], excluded: frozenset[str]) -> bytes:
    """The log's note with cosignatures: those that count first, because a note carries a limited number."""
    text, signed = split_note(note.encode())
    ordered = [line for name, line in lines.items() if name not in excluded]
    ordered += [line for name, line in lines.items() if name in excluded]
    return compose(text, [*signed, *ordered][:MAX_SIGNATURES])


def _holds(trust: TrustPolicy, note: bytes, excluded: frozenset[str]) -> bool:
    try:
        trust.check(note, excluded=excluded)
    except ProofInvalid:
        return False
    return True
