"""Runs an engine: its generator says what it needs next, this module gets it.

A step of the generator itself (shuffling, packing, checking a peer's points in bulk) may take a second at a million
elements, so it runs in a thread and the event loop goes on answering.
"""

import asyncio
import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from tacita_node.workers import Workers
from tacita_protocol.psi.engine import Action, Compute, Receive, Send, Settled

R = TypeVar("R")


class Messages(Protocol):
    """Where `Send` and `Receive` go: whole engine messages of one session."""

    async def send_message(self, data: bytes, *, final: bool) -> None:
        """Delivers one message to the relay."""
        ...

    async def receive_message(self, max_bytes: int) -> bytes:
        """The peer's next whole message, of at most `max_bytes`."""
        ...


@dataclass(frozen=True)
class _Returned(Generic[R]):
    value: R


async def drive(engine: Generator[Action, Any, R], *, workers: Workers, messages: Messages) -> R:
    """Runs the generator to its end and returns what it returns. Whatever it raises is raised here."""
    answer: Any = None
    try:
        while True:
            action = await asyncio.to_thread(_step, engine, answer)
            match action:
                case _Returned(value=value):
                    return value
                case Compute(tasks=tasks):
                    answer = await workers.run(tasks)
                case Send(data=data, final=final):
                    await messages.send_message(data, final=final)
                    answer = None
                case Receive(max_bytes=max_bytes):
                    answer = await messages.receive_message(max_bytes)
                case Settled():
                    answer = None
    finally:
        with contextlib.suppress(ValueError):  # cancelled in the middle of a step: its thread ends on its own
            engine.close()


def _step(engine: Generator[Action, Any, R], answer: Any) -> Action | _Returned[R]:
    # StopIteration cannot cross a future, so the end is a value.
    try:
        return engine.send(answer)
    except StopIteration as stop:
        return _Returned(stop.value)
