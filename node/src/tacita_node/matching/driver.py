"""Runs an engine: its generator says what it needs next, this module gets it.

A step of the generator itself (shuffling, packing, checking a peer's points in bulk) may take a second at a million
elements, so it runs in a thread and the event loop goes on answering.
"""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from tacita_node.workers import Workers, unnoticed
from tacita_protocol.psi.engine import Action, Compute, Receive, Send, Settled

R = TypeVar("R")


class Messages(Protocol):
    """Where `Send` and `Receive` go: whole engine messages of one run."""

    async def send_message(self, data: bytes, *, partition: int, final: bool) -> None:
        """Delivers one message to the relay."""
        ...

    async def receive_message(self, max_bytes: int, *, partition: int) -> bytes:
        """The peer's next whole message, which must be one of `partition` and of at most `max_bytes`."""
        ...


@dataclass(frozen=True)
class _Returned(Generic[R]):
    value: R


class Drive(Generic[R]):
    """One side of one run on its way to its result.

    Args:
        engine: a fresh generator.
        done: called with the elements of each task when its result is there, from any thread.
    """

    def __init__(
        self,
        engine: Generator[Action, Any, R],
        *,
        workers: Workers,
        messages: Messages,
        done: Callable[[int], None] = unnoticed,
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._messages = messages
        self._done = done

    async def settle(self) -> None:
        """Takes a receiver to `Settled`: every message of the peer is in and checked, the result is still unknown.

        Whatever the engine raises is raised here and ends it, as in `finish`.
        """
        if not isinstance(await self._go_on(), Settled):
            raise RuntimeError("a receiver settles before it ends")

    async def finish(self) -> R:
        """Takes a sender, or a receiver that has settled, to its end and returns what it returns."""
        match await self._go_on():
            case _Returned(value=value):
                return value
            case Settled():
                raise RuntimeError("this engine settles where it should end")

    async def _go_on(self) -> Settled | _Returned[R]:
        answer: Any = None
        try:
            while True:
                action = await asyncio.to_thread(_step, self._engine, answer)
                match action:
                    case _Returned() | Settled():
                        return action
                    case Compute(tasks=tasks):
                        answer = await self._workers.run(tasks, self._done)
                    case Send(data=data, final=final, partition=partition):
                        await self._messages.send_message(data, partition=partition, final=final)
                        answer = None
                    case Receive(max_bytes=max_bytes, partition=partition):
                        answer = await self._messages.receive_message(max_bytes, partition=partition)
        except BaseException:
            with contextlib.suppress(ValueError):  # cancelled in the middle of a step: its thread ends on its own
                self._engine.close()
            raise


def _step(engine: Generator[Action, Any, R], answer: Any) -> Action | _Returned[R]:
    # StopIteration cannot cross a future, so the end is a value.
    try:
        return engine.send(answer)
    except StopIteration as stop:
        return _Returned(stop.value)
