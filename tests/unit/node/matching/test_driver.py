"""The driver gets an engine what it asks for, and ends it when something fails."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from tacita_node.matching.driver import drive
from tacita_node.workers import ThreadWorkers
from tacita_protocol.errors import MalformedMessage
from tacita_protocol.psi.engine import Action, Compute, Receive, Send, Task


class Messages:
    """The other side of an engine, as a script."""

    def __init__(self, incoming: list[bytes]) -> None:
        self.incoming = incoming
        self.sent: list[tuple[bytes, bool]] = []
        self.limits: list[int] = []
        self.silent = asyncio.Event()
        """Set while the engine waits for a message that does not come."""

    async def send_message(self, data: bytes, *, final: bool) -> None:
        self.sent.append((data, final))

    async def receive_message(self, max_bytes: int) -> bytes:
        self.limits.append(max_bytes)
        if not self.incoming:
            self.silent.set()
            await asyncio.Event().wait()
        return self.incoming.pop(0)


def double(data: bytes) -> bytes:
    return data + data


def engine(closed: list[bool]) -> Generator[Action, Any, bytes]:
    try:
        first, second = yield Compute((Task(double, (b"a",)), Task(double, (b"b",))))
        assert (yield Send(first + second)) is None
        answer = yield Receive(100)
        if answer == b"bad":
            raise MalformedMessage("not a point", field="setup")
        yield Send(b"bye", final=True)
        return bytes(answer)
    finally:
        closed.append(True)


def test_an_engine_gets_results_messages_and_its_end() -> None:
    messages, closed = Messages([b"setup"]), list[bool]()
    assert asyncio.run(drive(engine(closed), workers=ThreadWorkers(), messages=messages)) == b"setup"
    assert messages.sent == [(b"aabb", False), (b"bye", True)]
    assert messages.limits == [100]
    assert closed == [True]


def test_what_an_engine_raises_is_raised() -> None:
    closed = list[bool]()
    with pytest.raises(MalformedMessage):
        asyncio.run(drive(engine(closed), workers=ThreadWorkers(), messages=Messages([b"bad"])))
    assert closed == [True]


def test_a_cancelled_match_closes_its_engine() -> None:
    closed = list[bool]()

    async def cancel() -> None:
        messages = Messages([])
        task = asyncio.create_task(drive(engine(closed), workers=ThreadWorkers(), messages=messages))
        await messages.silent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert closed == [True]
