"""Carries one session's messages to and from the broker.

- A statement goes into the database before it goes out, and a frame's ciphertext to the disk before its first PUT: a
  retry sends the very same bytes, and nothing is ever sealed twice under one sequence number.
- Incoming frames are fetched one after the other, by long poll. What they are worth the session decides.
- A broker that does not answer is asked again until the job's deadline cancels the attempt: a restarted broker loses
  nothing, so it must not cost a match.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from tacita_node.blobs import BlobStore
from tacita_node.clock import Clock
from tacita_node.matching.journal import MatchJournal
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.errors import LimitExceeded, PeerViolation
from tacita_protocol.session import Confirmed, EngineMessage, Event, MessageKind, Outgoing, PeerFinished
from tacita_sdk.broker import BrokerClient, Step
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable

NAMESPACE = "frames"
PAUSE_SECONDS = 1.0
"""Between attempts to reach a broker that does not answer; each attempt has retries of its own."""

T = TypeVar("T")

_STEPS: dict[MessageKind, Step] = {
    MessageKind.ACCEPTANCE: "acceptance",
    MessageKind.OPEN: "open",
}


class PeerEnded(Exception):
    """The broker says that the match is over: the other side ended it, or a deadline did."""


class Session(Protocol):
    """What both roles' sessions have in common."""

    def receive(self, kind: MessageKind, data: bytes, now: int) -> list[Event]: ...

    def send(self) -> Outgoing | None: ...

    def send_message(self, data: bytes, *, final: bool) -> None: ...


class MatchTransport:
    """One match's way to the broker and back.

    Args:
        direction: whose frames this side sends.
    """

    def __init__(
        self,
        match: str,
        direction: Direction,
        session: Session,
        *,
        broker: BrokerClient,
        blobs: BlobStore,
        journal: MatchJournal,
        clock: Clock,
    ) -> None:
        self._match = match
        self._direction = direction
        self._session = session
        self._broker = broker
        self._blobs = blobs
        self._journal = journal
        self._clock = clock
        self._incoming = 0
        self._messages: deque[bytes] = deque()
        self.session_id: bytes | None = None
        """Set once both confirm frames were exchanged."""
        self.peer_finished = False

    async def flush(self) -> None:
        """Sends all that the session has queued, in order."""
        while (message := self._session.send()) is not None:
            await self._send(message)

    async def confirm(self) -> bytes:
        """Exchanges the confirm frames; returns the session id."""
        await self.flush()
        while self.session_id is None:
            await self._receive_frame()
        return self.session_id

    async def send_message(self, data: bytes, *, final: bool) -> None:
        """Sends one engine message, as one frame or several."""
        self._session.send_message(data, final=final)
        await self.flush()

    async def receive_message(self, max_bytes: int) -> bytes:
        """The peer's next engine message.

        Raises `PeerEnded`, `PeerViolation` when the peer has sent its last message already, or `LimitExceeded` when the
        message is longer than `max_bytes`.
        """
        while not self._messages:
            if self.peer_finished:
                raise PeerViolation("the peer's last message came before all that the engine needs")
            await self._receive_frame()
        message = self._messages.popleft()
        if len(message) > max_bytes:
            raise LimitExceeded("the peer's message is longer than the engine allows")
        return message

    async def receive_end(self) -> None:
        """Waits until the peer's last message is in. Raises `PeerViolation` for a message that no engine asked for."""
        while True:
            if self._messages:
                raise PeerViolation("the peer sent more messages than the engine needs")
            if self.peer_finished:
                return
            await self._receive_frame()

    def take(self, kind: MessageKind) -> str | None:
        """The last statement of a session that has ended, to be kept first and delivered later (`closing`).

        Whatever else the session had not sent yet is dropped.
        """
        envelope = None
        while (message := self._session.send()) is not None:
            if message.kind is kind:
                envelope = message.data.decode("ascii")
        return envelope

    async def _send(self, message: Outgoing) -> None:
        if message.kind is MessageKind.FRAME:
            if message.sequence is None:
                raise RuntimeError("a frame without a sequence number")
            sequence, frame = message.sequence, message.data
            await self._blobs.put(NAMESPACE, frame_name(self._match, sequence), frame)
            await patiently(lambda: self._broker.put_frame(self._match, self._direction, sequence, frame))
            return
        step = _STEPS[message.kind]
        envelope = message.data.decode("ascii")
        await self._journal.keep(self._match, **{step: envelope})
        await patiently(lambda: self._broker.send_statement(self._match, step, envelope))

    async def _receive_frame(self) -> None:
        frame = await patiently(lambda: self._broker.frame(self._match, self._direction.other, self._incoming))
        if frame is None:
            return
        self._incoming += 1
        for event in self._session.receive(MessageKind.FRAME, frame, self._clock()):
            match event:
                case Confirmed(session_id=session_id):
                    self.session_id = session_id
                case EngineMessage(data=data):
                    self._messages.append(data)
                case PeerFinished():
                    self.peer_finished = True
                case _:
                    raise RuntimeError("a frame yields no such event")


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Makes a repeatable call until the broker answers. Raises `PeerEnded` when it says that the match is over."""
    while True:
        try:
            return await call()
        except BrokerUnreachable:
            await asyncio.sleep(PAUSE_SECONDS)
        except BrokerProblem as problem:
            if problem.status in (404, 410):
                raise PeerEnded("the broker has closed the match") from problem
            raise


def frame_name(match: str, sequence: int) -> str:
    """The blob that holds one outgoing frame."""
    return f"{match}.{sequence}"


async def forget_frames(blobs: BlobStore, match: str) -> None:
    """Deletes the outgoing frames of a match that has ended."""
    sequence = 0
    while await blobs.has(NAMESPACE, name := frame_name(match, sequence)):
        await blobs.delete(NAMESPACE, name)
        sequence += 1


async def forget_all_frames(blobs: BlobStore) -> None:
    """Deletes every outgoing frame, at a start: whatever match a frame was of, its keys are gone."""
    for name in await blobs.names(NAMESPACE):
        await blobs.delete(NAMESPACE, name)
