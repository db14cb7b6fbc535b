"""The runs of a match: in each, one side's elements are tested against the other's set.

    receiver   settle: everything of the peer is in and checked  ->  finish: only now look what was found
    sender     everything is computed and sent

Both roles conduct them alike; which side this node is in a run follows from the request's `result_to`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tacita_node.matching.driver import Drive
from tacita_node.matching.transport import MatchTransport
from tacita_node.workers import Workers
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi import matching
from tacita_protocol.psi.engine import Engine, Found, Mode, RunParameters
from tacita_protocol.session.runs import Run


@dataclass
class Progress:
    """How far the computing of a match is, over all its runs, in elements of its engine."""

    done: int = 0
    total: int = 0

    def add(self, elements: int) -> None:
        """Counts what a finished task stood for."""
        self.done += elements


@dataclass(frozen=True)
class Runs:
    """What the runs of one match have in common.

    Attributes:
        partitions: into how many parts each run is cut.
        tokens: this side's.
        width: tasks that this node computes at once.
    """

    engine: Engine
    mode: Mode
    session_id: bytes = field(repr=False)
    partitions: int
    tokens: Tokens = field(repr=False)
    width: int
    workers: Workers
    transport: MatchTransport

    def work(self, run: Run, *, receiver: bool) -> int:
        """What this side of a run will count as done when it has ended."""
        return matching.work(self.engine, self._parameters(run), self.partitions, receiver=receiver)

    async def receive(self, run: Run, done: Callable[[int], None]) -> Drive[Found]:
        """Takes a run, as its receiver, to where all of the peer's messages are checked; then `finish` what it returns.

        Raises what the engine and the transport raise.
        """
        messages = self.transport.run(run.number)
        side = matching.receive(self.engine, self.tokens, self._parameters(run), self.partitions)
        drive = Drive(side, workers=self.workers, messages=messages, done=done)
        await drive.settle()
        await messages.receive_end()
        return drive

    async def send(self, run: Run, done: Callable[[int], None]) -> None:
        """Conducts a run as its sender. What the receiver could evaluate in it must be charged already.

        Raises what the engine and the transport raise.
        """
        messages = self.transport.run(run.number)
        side = matching.send(self.engine, self.tokens, self._parameters(run), self.partitions)
        await Drive(side, workers=self.workers, messages=messages, done=done).finish()
        await messages.receive_end()

    def _parameters(self, run: Run) -> RunParameters:
        return RunParameters(
            session_id=self.session_id,
            run=run.number,
            partition=0,
            receiver_count=run.receiver_count,
            sender_count=run.sender_count,
            chunks=self.width,
            mode=self.mode,
        )
