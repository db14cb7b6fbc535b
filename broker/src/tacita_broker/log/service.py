"""The log at work: recover, then integrate what waits, pin it for witnesses, and notice what administrators left."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from tacita_broker.bell import Bell
from tacita_broker.config import Limits
from tacita_broker.disk import Patient, takes_nothing
from tacita_broker.files import forget_unfinished
from tacita_broker.log.files import LogFiles
from tacita_broker.log.sequencer import Sequencer
from tacita_broker.log.store import LogStore
from tacita_broker.log.tables import TrustFileRow
from tacita_broker.log.witnessing import Witnessing
from tacita_broker.problems import ProblemError
from tacita_broker.storage import Database
from tacita_protocol.api import LoggedCard
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.tlog.note import NoteSigner
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.trust import TrustPolicy

QUEUED = "log-queued"
"""Rung when this process has queued an entry."""
PROVED = "log-proved"
"""Rung when entries may have got their proof."""
PINNED = "log-pinned"
"""Rung when witnesses are asked for another checkpoint."""

DISK = "log-disk"
"""Listened to while the log waits for the disk; rung by nobody, but by the end."""
DISK_PAUSE_SECONDS = 1.0
"""Between two attempts to go on while the disk takes nothing."""

LEFTOVER_SECONDS = 3_600
"""Age at which a half-written file is nobody's any more."""


_NEWEST_TRUST: Final = select(TrustFileRow.text).order_by(TrustFileRow.id.desc()).limit(1)


class LogService:
    """Everything that the rest of the broker asks of its log."""

    def __init__(
        self,
        database: Database,
        directory: Path,
        signer: NoteSigner,
        limits: Limits,
        clock: Callable[[], int],
        bell: Bell,
    ) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._bell = bell
        self._failure: OSError | None = None
        self.interrupted = False
        """The disk took nothing, and the log does not grow until it does."""
        self._cards: dict[str, LoggedCard] = {}
        self.files = LogFiles(directory)
        self.sequencer = Sequencer(
            LogStore(database), self.files, signer, holder=random_hex(16), batch=limits.log_batch_entries
        )
        self.witnessing = Witnessing(database, self.files, lambda: self.sequencer.head, limits, clock)

    @property
    def trust(self) -> TrustPolicy | None:
        """The federation's trust file, None before it is issued."""
        return self.witnessing.trust

    async def recover(self) -> None:
        """Bring log and files to one state. Raises `LogFailure`: the broker must not start."""
        # Younger ones may be another broker's, if two should ever run: it finds out by itself that it must stop.
        await asyncio.to_thread(forget_unfinished, self.files.root, before=self._clock() - LEFTOVER_SECONDS)
        await self.sequencer.recover()
        await self._read_trust()
        await self.witnessing.resettle()
        await self.witnessing.advance()

    async def run(self) -> None:
        """Until the bell stops. An exception from here ends the process: nothing may be acknowledged any more."""
        patient = Patient("log")
        while not self._bell.stopping:
            if self._failure is not None:
                raise self._failure
            resuming, self.interrupted = self.interrupted, False
            if not await patient.done(self._resume if resuming else self._grow):
                self.interrupted = True
                with self._bell.listen(DISK) as listener:
                    await listener.heard(DISK_PAUSE_SECONDS)

    async def _resume(self) -> None:
        await self.sequencer.resume()
        # A cosignature may have been kept that counted for nothing yet.
        await self.witnessing.resettle()
        self._bell.ring(PROVED)

    async def _grow(self) -> None:
        with self._bell.listen(QUEUED) as listener:
            integrated = await self.sequencer.step()
            if await self._read_trust():
                await self.witnessing.resettle()
            if await self.witnessing.advance():
                self._bell.ring(PINNED)
            if integrated < self._limits.log_batch_entries:  # then nothing is left, and what comes later rings
                await listener.heard(self._limits.log_poll_seconds)
        # Entries that come close together share a checkpoint, hence a round of witnesses.
        await asyncio.sleep(self._limits.log_batch_seconds)

    async def cosign(self, size: int, line: str) -> None:
        """Take a witness's cosignature. Raises `ProblemError`."""
        try:
            useful = await self.witnessing.add_cosignature(size, line)
        except (OSError, DBAPIError) as error:
            # The line may be kept and have counted for nothing yet: resuming counts it.
            self.interrupted = True
            if isinstance(error, OSError) and not takes_nothing(error):
                # The published checkpoint may not be on the disk: the log ends, not this request only.
                self._failure = error
            self._bell.ring(QUEUED)
            raise
        if useful:
            self._bell.ring(PROVED)
            if await self.witnessing.advance():
                self._bell.ring(PINNED)

    async def proved(self, reference: str) -> tuple[bytes, LogProof] | None:
        """The entry with this reference and its proof, None while a quorum is missing."""
        return await self.witnessing.proof(reference)

    async def logged_card(self, reference: str) -> LoggedCard | None:
        """A public entry with its proof, None while a quorum is missing. Made once: an entry keeps its proof."""
        if (card := self._cards.get(reference)) is None:
            proved = await self.proved(reference)
            if proved is None:
                return None
            entry, proof = proved
            card = self._cards[reference] = LoggedCard(entry=b64u(entry), proof=proof.encode())
        return card

    def require_trust(self) -> TrustPolicy:
        """The trust file. Raises a 409 problem before it is issued: only cards are logged until then."""
        if self.trust is None:
            raise ProblemError(409, "no-trust-file", "The federation's trust file has not been issued yet.")
        return self.trust

    async def _read_trust(self) -> bool:
        """Read the newest trust file; True when it is another than before."""
        async with self._database.read() as session:
            text = await session.scalar(_NEWEST_TRUST)
        if text is None or (self.trust is not None and self.trust.text == text):
            return False
        self.witnessing.trust = TrustPolicy.parse(text)
        return True
