"""What every matching engine looks like to the rest: generators that ask for work, messages as bytes, both roles.

An engine does no input or output and starts no process. It yields what it needs and is resumed with the result::

    Compute(tasks)        -> list of the tasks' results, in order (run them anywhere, at once or one by one)
    Send(data, final)     -> None, once the message is on its way
    Receive(max_bytes)    -> one whole message of the peer, at most that long
    Settled()             -> None; the receiver's side only, once: from here on nothing is sent or received

What a receiver does up to `Settled`, and how long it takes, depends on the counts and not on what both sides have in
common. So a receiver that signs its receipt there tells its peer nothing about the result.

The generator's return value is the outcome. A task or a check that fails raises a `ProtocolError`; the driver closes
the generator, ends the match and resumes nothing: an engine has no retries. It may be closed at every action.
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
from tacita_protocol.psi.capacity import Capacity as Capacity  # re-exported: the part of an engine that counts need
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
    for a process of our own. `elements`: how many of the engine's expensive operations it does, to show progress."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = field(repr=False)  # keys and tokens must not get into a log line
    elements: int = 0


@dataclass(frozen=True)
class Compute:
    """Run `tasks`, in any order and place, and answer with the list of their results in this order."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Send:
    """Send `data` to the peer as one message of `partition`; `final`: the last one of this side in this run."""

    data: bytes = field(repr=False)
    final: bool = False
    partition: int = 0


@dataclass(frozen=True)
class Receive:
    """Answer with the peer's next message, refusing one of more than `max_bytes` bytes while it arrives, and one of
    another partition."""

    max_bytes: int
    partition: int = 0


@dataclass(frozen=True)
class Settled:
    """Every message of the peer is in and checked; what follows is local and depends on the result.

    A receiver yields it exactly once and is answered with None; a sender never yields it.
    """


Action = Compute | Send | Receive | Settled


@dataclass(frozen=True)
class Found:
    """What a receiver learned.

    Attributes:
        count: number of distinct tokens that both sides hold.
        rows: the receiver's row numbers of these tokens, ascending and unique; None when only the count was to be
            learned.
    """

    count: int = field(repr=False)
    rows: NDArray[np.int64] | None = field(repr=False)


@dataclass(frozen=True)
class RunParameters:
    """What both sides agreed on for one run, and how wide this host may work.

    Attributes:
        session_id: 32 bytes that only the two sides know.
        run, partition: numbers below 2^32 that no other run and partition of the session has.
        receiver_count, sender_count: elements of each side after padding.
        chunks: tasks that this host can run at once.
        mode: what the receiver learns.
    """

    session_id: bytes = field(repr=False)
    run: int
    partition: int
    receiver_count: int
    sender_count: int
    chunks: int
    mode: Mode = Mode.INTERSECTION

    def __post_init__(self) -> None:
        if len(self.session_id) != SESSION_ID_SIZE:
            raise ValueError("a session id has 32 bytes")
        if not (0 <= self.run < 2**32 and 0 <= self.partition < 2**32):
            raise ValueError("run and partition are below 2^32")
        if self.receiver_count < 1 or self.sender_count < 1:
            raise ValueError("padded counts are positive")
        if not 1 <= self.chunks <= MAX_CHUNKS:
            raise ValueError(f"chunks are between 1 and {MAX_CHUNKS}")


class Engine(Capacity, Protocol):
    """One way to match. The receiver learns which of its tokens the sender holds too, or how many, and the sender
    nothing."""

    @property
    def name(self) -> str:
        """The name in statements. It stands for its messages, its binding of tokens and its capacity: an engine in
        which one of these changes takes another name."""

    @property
    def version(self) -> str:
        """The version of this implementation, for people: nothing is decided by it, and no peer hears it."""

    @property
    def security(self) -> Security:
        """Against what a peer it protects."""

    @property
    def modes(self) -> frozenset[Mode]:
        """What the receiver can be let to learn."""

    def receive(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, Found]:
        """The receiver's side."""

    def send(self, tokens: Tokens, p: RunParameters) -> Generator[Action, Any, int]:
        """The sender's side: returns the number of elements that the receiver could evaluate, which are charged."""

    def max_message_bytes(self, p: RunParameters) -> int:
        """Bytes of the longest message of either side."""

    def work(self, p: RunParameters, *, receiver: bool) -> int:
        """The sum of `Task.elements` over one side of a run."""


def run_locally(
    receiver: Generator[Action, Any, Found],
    sender: Generator[Action, Any, int],
    *,
    run_tasks: Callable[[tuple[Task, ...]], list[Any]],
) -> Found:
    """Both sides in one thread, without a network: for tests and measurements.

    Args:
        receiver, sender: fresh generators of one engine with the same parameters.
        run_tasks: runs tasks and returns their results in order.

    Returns:
        What the receiver learned.

    Raises:
        ProtocolError: what either side raised.
        RuntimeError: the sides do not keep to the interface: both wait for each other, a message is left unread or
            taken for another partition, or the receiver does not settle once and last.
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
    if [side.settled for side in sides] != [True, False]:
        raise RuntimeError("the receiver settles, and the sender does not")
    found: Found = sides[0].outcome
    return found


class _Side:
    """One generator between its actions, and the messages that wait for it."""

    def __init__(self, steps: Generator[Action, Any, Any], run_tasks: Callable[[tuple[Task, ...]], list[Any]]) -> None:
        self.incoming: deque[Send] = deque()
        self.finished = False
        self.settled = False
        self.outcome: Any = None
        self._steps = steps
        self._run_tasks = run_tasks
        self._action: Action | None = None

    def advance(self, peer: "_Side") -> bool:
        """Goes on until a message is missing; returns whether anything was done."""
        moved = False
        while not self.finished:
            if self.settled and not isinstance(self._action, Compute | None):
                raise RuntimeError("nothing but local work follows when a side has settled")
            answer: Any = None
            match self._action:
                case Receive():
                    if not self.incoming:
                        break
                    answer = _taken(self.incoming.popleft(), self._action)
                case Compute(tasks):
                    answer = self._run_tasks(tasks)
                case Send():
                    peer.incoming.append(self._action)
                case Settled():
                    self.settled = True
            moved = True
            try:
                self._action = self._steps.send(answer)
            except StopIteration as stop:
                self.finished, self.outcome = True, stop.value
        return moved


def _taken(message: Send, wanted: Receive) -> bytes:
    if message.partition != wanted.partition:
        raise RuntimeError("the next message is of another partition than the one waited for")
    if len(message.data) > wanted.max_bytes:
        raise LimitExceeded("a message is longer than the engine allows")
    return message.data
