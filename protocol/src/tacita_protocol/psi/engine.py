"""What every matching engine looks like to the rest: generators that ask for work, messages as bytes, both roles.

An engine does no input or output and starts no process. It yields what it needs and is resumed with the result::

    Compute(tasks)        -> list of the tasks' results, in order (run them anywhere, at once or one by one)
    Send(data, final)     -> None, once the message is on its way
    Receive(max_bytes)    -> one whole message of the peer, at most that long

The generator's return value is the outcome. A task or a check that fails raises a `ProtocolError`; the driver closes
the generator, ends the match and resumes nothing: an engine has no retries.
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.errors import LimitExceeded
from tacita_protocol.identifiers.token import SESSION_ID_SIZE, Tokens
from tacita_protocol.statements.vocabulary import Mode as Mode  # re-exported: what the receiver learns

MAX_CHUNKS = 1024
"""Tasks at once that a host may ask for."""


class Security(StrEnum):
    """Against what a peer an engine protects."""

    SEMI_HONEST = "semi-honest"
    MALICIOUS = "malicious"
    VERIFIABLE_SERVER = "verifiable-server"


@dataclass(frozen=True)
class Task:
    """One piece of work without side effects. `function` is top-level, so that function and arguments can be pickled
    for a process of our own."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)  # keys and tokens must not get into a log line


@dataclass(frozen=True)
class Compute:
    """Run `tasks`, in any order and place, and answer with the list of their results in this order."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Send:
    """Send `data` to the peer as one message; `final`: the last one of this side in this run."""

    data: bytes = field(repr=False)
    final: bool = False


@dataclass(frozen=True)
class Receive:
    """Answer with the peer's next message, refusing one of more than `max_bytes` bytes while it arrives."""

    max_bytes: int


Action = Compute | Send | Receive


@dataclass(frozen=True)
class RunParameters:
    """What both sides agreed on for one run, and how wide this host may work.

    Attributes:
        session_id: 32 bytes that only the two sides know.
        run, partition: numbers below 2^32 that no other run and partition of the session has.
        receiver_count, sender_count: elements of each side after padding.
        chunks: tasks that this host can run at once.
    """

    session_id: bytes = field(repr=False)
    run: int
    partition: int
    receiver_count: int
    sender_count: int
    chunks: int

    def __post_init__(self) -> None:
        if len(self.session_id) != SESSION_ID_SIZE:
            raise ValueError("a session id has 32 bytes")
        if not (0 <= self.run < 2**32 and 0 <= self.partition < 2**32):
            raise ValueError("run and partition are below 2^32")
        if self.receiver_count < 1 or self.sender_count < 1:
            raise ValueError("padded counts are positive")
        if not 1 <= self.chunks <= MAX_CHUNKS:
            raise ValueError(f"chunks are between 1 and {MAX_CHUNKS}")


class Engine(Protocol):
    """One way to match. The receiver learns which of its tokens the sender holds too; the sender learns nothing."""

    @property
    def name(self) -> str:
        """The name in statements."""

    @property
    def version(self) -> str:
        """The version of its messages; both sides need the same."""

    @property
    def security(self) -> Security:
        """Against what a peer it protects."""

    @property
    def modes(self) -> frozenset[Mode]:
        """What the receiver can be let to learn."""

    def receive(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, NDArray[np.int64]]:
        """The receiver's side: returns the row numbers of `tokens` that the sender holds too, ascending and unique."""

    def send(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, int]:
        """The sender's side: returns the number of elements that the receiver could evaluate, which are charged."""

    def max_message_bytes(self, p: RunParameters) -> int:
        """Bytes of the longest message of either side."""


def run_locally(
    receiver: Generator[Action, Any, NDArray[np.int64]],
    sender: Generator[Action, Any, int],
    *,
    run_tasks: Callable[[tuple[Task, ...]], list[Any]],
) -> NDArray[np.int64]:
    """Both sides in one thread, without a network: for tests and measurements.

    Args:
        receiver, sender: fresh generators of one engine with the same parameters.
        run_tasks: runs tasks and returns their results in order.

    Returns:
        What the receiver learned.

    Raises:
        ProtocolError: what either side raised.
        RuntimeError: both sides wait for each other, or one left messages unread.
    """
    sides = (_Side(receiver, run_tasks), _Side(sender, run_tasks))
    try:
        while not all(side.finished for side in sides):
            moved = [own.advance(peer) for own, peer in (sides, sides[::-1])]
            if not any(moved):
                raise RuntimeError("both sides of the engine wait for a message")
    finally:
        receiver.close()
        sender.close()
    if any(side.incoming for side in sides):
        raise RuntimeError("a side of the engine left messages unread")
    rows: NDArray[np.int64] = sides[0].outcome
    return rows


class _Side:
    """One generator between its actions, and the messages that wait for it."""

    def __init__(self, steps: Generator[Action, Any, Any], run_tasks: Callable[[tuple[Task, ...]], list[Any]]) -> None:
        self.incoming: deque[bytes] = deque()
        self.finished = False
        self.outcome: Any = None
        self._steps = steps
        self._run_tasks = run_tasks
        self._action: Action | None = None

    def advance(self, peer: "_Side") -> bool:
        """Goes on until a message is missing; returns whether anything was done."""
        moved = False
        while not self.finished:
            answer: Any = None
            match self._action:
                case Receive(max_bytes):
                    if not self.incoming:
                        break
                    answer = self.incoming.popleft()
                    if len(answer) > max_bytes:
                        raise LimitExceeded("a message is longer than the engine allows")
                case Compute(tasks):
                    answer = self._run_tasks(tasks)
                case Send(data):
                    peer.incoming.append(data)
            moved = True
            try:
                self._action = self._steps.send(answer)
            except StopIteration as stop:
                self.finished, self.outcome = True, stop.value
        return moved
