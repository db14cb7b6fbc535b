"""The encrypted channel of a session: confirmation, then engine messages, both directions in one place."""

from dataclasses import dataclass, field

from tacita_protocol.crypto.digest import constant_time_equal
from tacita_protocol.crypto.frames import Direction, FrameOpener, FrameSealer, Transcript
from tacita_protocol.errors import PeerViolation
from tacita_protocol.session.fragments import Assembler, fragment
from tacita_protocol.session.keys import SessionKeys, confirmation
from tacita_protocol.session.states import MessageKind, Outgoing

RUN = 0
PARTITION = 0
"""This version has one run of one partition per match."""


@dataclass(frozen=True)
class Received:
    """A whole message of the peer; `final` if it is its last."""

    data: bytes = field(repr=False)
    final: bool


class TranscriptPair:
    """The hash chains of both directions. They exist from the start, so that an early abort has them too."""

    def __init__(self, match_id: bytes) -> None:
        self.requester = Transcript(match_id, Direction.REQUESTER)
        self.responder = Transcript(match_id, Direction.RESPONDER)

    def of(self, direction: Direction) -> Transcript:
        """The chain over the frames that `direction` sends."""
        return self.requester if direction is Direction.REQUESTER else self.responder


class Channel:
    """Seals this side's frames and opens the peer's, in order, into and out of whole messages."""

    def __init__(
        self,
        keys: SessionKeys,
        *,
        match_id: bytes,
        direction: Direction,
        transcripts: TranscriptPair,
        max_message_bytes: int,
    ) -> None:
        self.session_id = keys.session_id
        self.finished = False
        """Whether this side's final message is sealed."""
        self.peer_finished = False
        peer = direction.other
        self._sealer = FrameSealer(keys.of(direction), match_id=match_id, direction=direction)
        self._opener = FrameOpener(keys.of(peer), match_id=match_id, direction=peer)
        self._sent = transcripts.of(direction)
        self._received = transcripts.of(peer)
        self._assembler = Assembler(max_message_bytes)

    def seal_confirmation(self) -> Outgoing:
        """This side's frame number 0."""
        return self._seal(confirmation(self.session_id), final=False)

    def open_confirmation(self, frame: bytes) -> None:
        """Check the peer's frame number 0."""
        plaintext, final = self._open(frame)
        if final or not constant_time_equal(plaintext, confirmation(self.session_id)):
            raise PeerViolation("the first frame does not confirm this session", field="frame.confirmation")

    def seal_message(self, data: bytes, *, final: bool) -> list[Outgoing]:
        """The frames of one engine message."""
        plaintexts = list(fragment(data))
        last = len(plaintexts) - 1
        frames = [self._seal(plaintext, final=final and i == last) for i, plaintext in enumerate(plaintexts)]
        self.finished = final
        return frames

    def open_frame(self, frame: bytes) -> Received | None:
        """The message that this frame of the peer completes, or None."""
        plaintext, final = self._open(frame)
        message = self._assembler.add(plaintext, final=final)
        self.peer_finished = final
        return None if message is None else Received(message, final)

    def _seal(self, plaintext: bytes, *, final: bool) -> Outgoing:
        sequence = self._sealer.next_sequence
        frame = self._sealer.seal(plaintext, run=RUN, partition=PARTITION, final=final)
        self._sent.update(frame)
        return Outgoing(MessageKind.FRAME, frame, sequence)

    def _open(self, frame: bytes) -> tuple[bytes, bool]:
        opened = self._opener.open(frame)
        self._received.update(frame)  # whatever the peer's key sealed is evidence, also when its content is refused
        if opened.run != RUN or opened.partition != PARTITION:
            raise PeerViolation("a frame of a run or partition that this match does not have", field="frame.run")
        return opened.plaintext, opened.final
