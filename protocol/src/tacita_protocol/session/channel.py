"""The encrypted channel of a session: confirmation, then engine messages, both directions in one place."""

from dataclasses import dataclass, field

from tacita_protocol.crypto.digest import constant_time_equal
from tacita_protocol.crypto.frames import Direction, FrameOpener, FrameSealer, OpenedFrame, Transcript
from tacita_protocol.errors import PeerViolation
from tacita_protocol.session.course import Course
from tacita_protocol.session.fragments import Assembler, fragment
from tacita_protocol.session.keys import SessionKeys, confirmation
from tacita_protocol.session.states import MessageKind, Outgoing
from tacita_protocol.statements.receipt import FrameCounts, Transcripts


@dataclass(frozen=True)
class Received:
    """A whole message of the peer; `final` if it is its last of the run."""

    data: bytes = field(repr=False)
    run: int
    partition: int
    final: bool


class TranscriptPair:
    """The hash chains of both directions. They exist from the start, so that an early abort has them too."""

    def __init__(self, match_id: bytes) -> None:
        self.requester = Transcript(match_id, Direction.REQUESTER)
        self.responder = Transcript(match_id, Direction.RESPONDER)

    def of(self, direction: Direction) -> Transcript:
        """The chain over the frames that `direction` sends."""
        return self.requester if direction is Direction.REQUESTER else self.responder

    @property
    def heads(self) -> Transcripts:
        """Both chains' heads, for a receipt."""
        return Transcripts(requester=self.requester.hexdigest, responder=self.responder.hexdigest)

    @property
    def frames(self) -> FrameCounts:
        """How many frames both chains have, for a receipt."""
        return FrameCounts(requester=self.requester.frames, responder=self.responder.frames)


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
        runs: int,
        partitions: int,
    ) -> None:
        self.session_id = keys.session_id
        peer = direction.other
        self._sealer = FrameSealer(keys.of(direction), match_id=match_id, direction=direction)
        self._opener = FrameOpener(keys.of(peer), match_id=match_id, direction=peer)
        self._sent = transcripts.of(direction)
        self._received = transcripts.of(peer)
        self._course = Course(runs=runs, partitions=partitions)
        self._peer_course = Course(runs=runs, partitions=partitions)
        self._assembler = Assembler(max_message_bytes)

    @property
    def finished(self) -> bool:
        """Whether both sides' last messages of the last run have passed."""
        return self._course.ended and self._peer_course.ended

    def seal_confirmation(self) -> Outgoing:
        """This side's frame number 0."""
        return self._seal(confirmation(self.session_id), run=0, partition=0, final=False)

    def open_confirmation(self, frame: bytes) -> None:
        """Check the peer's frame number 0."""
        opened = self._open(frame)
        if opened.run or opened.partition or opened.final:
            raise PeerViolation("a session is not confirmed in a run of its own", field="frame.confirmation")
        if not constant_time_equal(opened.plaintext, confirmation(self.session_id)):
            raise PeerViolation("the first frame does not confirm this session", field="frame.confirmation")

    def seal_message(self, data: bytes, *, run: int, partition: int, final: bool) -> list[Outgoing]:
        """The frames of one engine message. `RuntimeError` when it is not its turn; then nothing is sealed."""
        fault = self._course.fault(run, partition, final=final, other=self._peer_course)
        if fault:
            raise RuntimeError(f"a message out of order: {fault}")
        plaintexts = list(fragment(data))
        last = len(plaintexts) - 1
        frames = [
            self._seal(plaintext, run=run, partition=partition, final=final and i == last)
            for i, plaintext in enumerate(plaintexts)
        ]
        self._course.note(partition, final=final, inside=False)
        return frames

    def open_frame(self, frame: bytes) -> Received | None:
        """The message that this frame of the peer completes, or None."""
        opened = self._open(frame)
        run, partition, final = opened.run, opened.partition, opened.final
        fault = self._peer_course.fault(run, partition, final=final, other=self._course)
        if fault:
            raise PeerViolation("a frame out of order", field=f"frame.{fault}")
        message = self._assembler.add(opened.plaintext, final=final)
        self._peer_course.note(partition, final=final, inside=message is None)
        return None if message is None else Received(message, run, partition, final)

    def _seal(self, plaintext: bytes, *, run: int, partition: int, final: bool) -> Outgoing:
        sequence = self._sealer.next_sequence
        frame = self._sealer.seal(plaintext, run=run, partition=partition, final=final)
        self._sent.update(frame)
        return Outgoing(MessageKind.FRAME, frame, sequence)

    def _open(self, frame: bytes) -> OpenedFrame:
        opened = self._opener.open(frame)
        self._received.update(frame)  # whatever the peer's key sealed is evidence, also when its content is refused
        return opened
