"""Taking frames in order, giving them out, and forgetting them when the match closes."""

from typing import Final

from sqlalchemy import Select, Text, and_, bindparam, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.access.holder import Holder, require_holder
from tacita_broker.bell import Bell
from tacita_broker.blobs import BlobMissing, BlobStore
from tacita_broker.config import Limits
from tacita_broker.matches.tables import MatchRow, visible_to
from tacita_broker.problems import ProblemError, conflict, ended, not_found, refused, too_many
from tacita_broker.relay.tables import FrameRow
from tacita_broker.storage import Database
from tacita_broker.waiting import first_news
from tacita_protocol.api import MatchState
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.statements.vocabulary import Role

_ENDED = frozenset({MatchState.DENIED, MatchState.REFUSED, MatchState.CLOSING, MatchState.CLOSED})


class RelayService:
    """A partner sends frames of its own direction and receives those of the other."""

    def __init__(self, database: Database, blobs: BlobStore, limits: Limits, bell: Bell) -> None:
        self._database = database
        self._blobs = blobs
        self._limits = limits
        self._bell = bell

    async def put(self, holder: Holder, match: str, direction: Direction, seq: int, frame: bytes) -> bool:
        """Store a frame. False when the same bytes are there already; sequence numbers come without gaps.

        Raises `ProblemError`: 401 (the token holds no longer), 404 (no such match, not the caller's direction), 409
        (not open, other bytes, a gap), 410 (ended), 413 and 429 (quotas).
        """
        if not frame:
            raise refused("frame-empty", "A frame has at least one byte.")
        digest = digest_of(frame)
        async with self._database.read() as session:
            if await self._known(session, holder, match, direction, seq, digest):
                return False
        # The bytes are on the disk before the row that acknowledges them. The name carries the digest, so that of two
        # racing requests for one number neither can replace what the other has acknowledged.
        name = _blob(direction, seq, digest)
        await self._blobs.put(match, name, frame)
        try:
            async with self._database.write() as session:
                if await self._known(session, holder, match, direction, seq, digest):
                    return False
                session.add(FrameRow(match=match, direction=direction.value, seq=seq, digest=digest, size=len(frame)))
        except ProblemError:
            await self._blobs.delete(match, name)  # another frame won, or the match has closed
            raise
        self._bell.ring(_key(match))
        return True

    async def get(self, holder: Holder, match: str, direction: Direction, seq: int, wait: float) -> bytes | None:
        """A frame of the other side, None when none comes within `wait` seconds. Raises 401, 404 and 410 problems."""

        async def look() -> str | None:
            async with self._database.read() as session:
                await require_holder(session, holder)
                row = await self._match(session, holder.partner, match, direction.other)
                if MatchState(row.state) in _ENDED:
                    raise ended()
                frame = await session.get(FrameRow, (match, direction.value, seq))
                return None if frame is None else frame.digest

        digest = await first_news(self._bell, self._limits, look, wait, _key(match))
        if digest is None:
            return None
        try:
            return await self._blobs.get(match, _blob(direction, seq, digest))
        except BlobMissing:  # the match was closed in between
            raise ended() from None

    async def forget(self, match: str) -> None:
        """Delete the frames of a match that takes no more. Repeating it changes nothing."""
        await self._blobs.delete_folder(match)
        async with self._database.write() as session:
            await session.execute(delete(FrameRow).where(FrameRow.match == match))
        self.ring(match)

    def ring(self, match: str) -> None:
        """Wake those who wait for frames of a match."""
        self._bell.ring(_key(match))

    async def _known(
        self, session: AsyncSession, holder: Holder, match: str, direction: Direction, seq: int, digest: str
    ) -> bool:
        """Whether this very frame was stored before; raises unless it may be stored now."""
        await require_holder(session, holder)
        row = await self._match(session, holder.partner, match, direction)
        if MatchState(row.state) in _ENDED:
            raise ended()
        if row.state != MatchState.OPEN.value:
            raise conflict("not-open", "Frames are relayed once both sides have opened the match.")
        which = {"of": match, "direction": direction.value, "seq": seq, "sender": holder.partner}
        present, count, relayed, spooled = (await session.execute(_STANDING, which)).one()
        if present is not None:
            if present == digest:
                return True
            raise conflict("frame-exists", "Another frame has this sequence number.")
        if seq != count:
            raise conflict("frame-gap", "Frames are sent in the order of their sequence numbers.")
        if count >= self._limits.frames_per_match:
            raise too_many("too-many-frames", "This match may send no more frames.")
        if relayed >= self._limits.relayed_bytes_per_match:
            raise too_many("too-many-bytes", "This match may send no more bytes.")
        if spooled >= self._limits.relayed_bytes_per_partner:
            raise too_many("too-many-bytes", "The matches of this partner may send no more bytes until one has closed.")
        return False

    @staticmethod
    async def _match(session: AsyncSession, partner: str, match: str, direction: Direction) -> MatchRow:
        """The match, if `direction` is the partner's own side of it and the partner may see it."""
        row = await session.get(MatchRow, match)
        if row is None or not visible_to(row, partner):
            raise not_found()
        own = row.requester if direction.value == Role.REQUESTER.value else row.responder
        if own != partner:
            raise not_found()
        return row


def _standing() -> Select[str | None, int, int, int]:
    """Of a frame: its digest if it is here, how many its side sent, the match's bytes, the sender's in all matches."""
    of, direction, sender = (bindparam(name, type_=Text) for name in ("of", "direction", "sender"))
    own = (FrameRow.match == of, FrameRow.direction == direction)
    size = func.coalesce(func.sum(FrameRow.size), 0)
    sent = or_(
        and_(MatchRow.requester == sender, FrameRow.direction == Direction.REQUESTER.value),
        and_(MatchRow.responder == sender, FrameRow.direction == Direction.RESPONDER.value),
    )
    spooled = select(size).join(MatchRow, MatchRow.match == FrameRow.match)
    return select(
        select(FrameRow.digest).where(*own, FrameRow.seq == bindparam("seq")).scalar_subquery(),
        select(func.count()).select_from(FrameRow).where(*own).scalar_subquery(),
        select(size).where(FrameRow.match == of).scalar_subquery(),
        spooled.where(MatchRow.state == MatchState.OPEN.value, sent).scalar_subquery(),
    )


_STANDING: Final = _standing()


def _blob(direction: Direction, seq: int, digest: str) -> str:
    return f"{direction.value}-{seq}-{digest[:32]}"


def _key(match: str) -> str:
    return f"frames:{match}"
