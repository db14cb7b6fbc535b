"""Carries one session's messages to and from the broker.

- A frame's ciphertext goes to the disk before its first PUT: a retry sends the very same bytes, and nothing is ever
  sealed twice under one sequence number. (A statement is in the database with the state that it made.)
- Incoming frames are fetched one after the other, by long poll. What they are worth the session decides.
- A broker that does not answer is asked again until the job's deadline cancels the attempt: a restarted broker loses
  nothing, so it must not cost a match.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tacita_node.blobs import BlobStore
from tacita_node.clock import Clock
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

    def send_message(self, data: bytes, *, run: int, partition: int, final: bool) -> None: ...


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
        clock: Clock,
    ) -> None:
        self._match = match
        self._direction = direction
        self._session = session
        self._broker = broker
        self._blobs = blobs
        self._clock = clock
        self._incoming = 0
        self._messages: deque[EngineMessage] = deque()
        self._ended_runs = 0
        """Runs of which the peer's last message is in."""
        self.session_id: bytes | None = None
        """Set once both confirm frames were exchanged."""

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

    def run(self, number: int) -> "RunMessages":
        """The messages of one run; runs follow one another."""
        return RunMessages(self, number)

    async def send_message(self, data: bytes, *, run: int, partition: int, final: bool) -> None:
        """Sends one engine message, as one frame or several."""
        self._session.send_message(data, run=run, partition=partition, final=final)
        await self.flush()

    async def receive_message(self, run: int) -> EngineMessage | None:
        """The peer's next message of a run, None when its last one was taken already.

        Raises `PeerEnded`, or `PeerViolation` for a message of another run.
        """
        while not self._messages and self._ended_runs <= run:
            await self._receive_frame()
        if not self._messages:
            return None
        message = self._messages.popleft()
        if message.run != run:
            raise PeerViolation("the peer's message belongs to another run", field="frame.run")
        return message

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
                case EngineMessage():
                    self._messages.append(event)
                case PeerFinished(run=run):
                    self._ended_runs = run + 1
                case _:
                    raise RuntimeError("a frame yields no such event")


@dataclass(frozen=True)
class RunMessages:
    """One run's messages: what this side sends is labelled with the run, what the peer labels otherwise is refused."""

    transport: MatchTransport = field(repr=False)
    number: int

    async def send_message(self, data: bytes, *, partition: int, final: bool) -> None:
        """Sends one message of the engine; `final`: this side's last in the run."""
        await self.transport.send_message(data, run=self.number, partition=partition, final=final)

    async def receive_message(self, max_bytes: int, *, partition: int) -> bytes:
        """The peer's next engine message.

        Raises `PeerEnded`, `PeerViolation` when the peer has ended the run already or its message is of another
        partition, or `LimitExceeded` when it is longer than `max_bytes`.
        """
        message = await self.transport.receive_message(self.number)
        if message is None:
            raise PeerViolation("the peer's last message came before all that the engine needs")
        if message.partition != partition:
            raise PeerViolation("the peer's message belongs to another partition", field="frame.partition")
        if len(message.data) > max_bytes:
            raise LimitExceeded("the peer's message is longer than the engine allows")
        return message.data

    async def receive_end(self) -> None:
        """Waits for the peer's end of the run. Raises `PeerViolation` for a message that no engine asked for."""
        if await self.transport.receive_message(self.number) is not None:
            raise PeerViolation("the peer sent more messages than the engine needs")


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
