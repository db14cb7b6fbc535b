"""The driver gets an engine what it asks for, and ends it when something fails."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from tacita_node.matching.driver import Drive
from tacita_node.workers import ThreadWorkers
from tacita_protocol.errors import MalformedMessage
from tacita_protocol.psi.engine import Action, Compute, Receive, Send, Settled, Task


class Messages:
    """The other side of an engine, as a script."""

    def __init__(self, incoming: list[bytes]) -> None:
        self.incoming = incoming
        self.sent: list[tuple[bytes, int, bool]] = []
        self.limits: list[tuple[int, int]] = []
        self.silent = asyncio.Event()
        """Set while the engine waits for a message that does not come."""

    async def send_message(self, data: bytes, *, partition: int, final: bool) -> None:
        self.sent.append((data, partition, final))

    async def receive_message(self, max_bytes: int, *, partition: int) -> bytes:
        self.limits.append((max_bytes, partition))
        if not self.incoming:
            self.silent.set()
            await asyncio.Event().wait()
        return self.incoming.pop(0)


def double(data: bytes) -> bytes:
    return data + data


def engine(closed: list[bool]) -> Generator[Action, Any, bytes]:
    try:
        first, second = yield Compute((Task(double, (b"a",), elements=2), Task(double, (b"b",), elements=3)))
        assert (yield Send(first + second, partition=4)) is None
        answer = yield Receive(100, partition=5)
        if answer == b"bad":
            raise MalformedMessage("not a point", field="setup")
        yield Send(b"bye", final=True)
        return bytes(answer)
    finally:
        closed.append(True)


def receiver(looked: list[bool]) -> Generator[Action, Any, bytes]:
    answer = yield Receive(100)
    assert (yield Settled()) is None
    looked.append(True)
    [result] = yield Compute((Task(double, (answer,)),))
    return bytes(result)


def test_an_engine_gets_results_messages_and_its_end() -> None:
    messages, closed, done = Messages([b"setup"]), list[bool](), list[int]()
    drive = Drive(engine(closed), workers=ThreadWorkers(), messages=messages, done=done.append)
    assert asyncio.run(drive.finish()) == b"setup"
    assert messages.sent == [(b"aabb", 4, False), (b"bye", 0, True)]
    assert messages.limits == [(100, 5)]
    assert done == [2, 3]
    assert closed == [True]


def test_a_receiver_that_has_settled_does_not_look_before_it_is_told_to() -> None:
    looked = list[bool]()

    async def hold() -> None:
        drive = Drive(receiver(looked), workers=ThreadWorkers(), messages=Messages([b"setup"]))
        await drive.settle()
        assert looked == []
        assert await drive.finish() == b"setupsetup"

    asyncio.run(hold())
    assert looked == [True]


def test_who_settles_and_who_does_not_is_not_mixed_up() -> None:
    with pytest.raises(RuntimeError):
        asyncio.run(Drive(receiver([]), workers=ThreadWorkers(), messages=Messages([b"setup"])).finish())
    with pytest.raises(RuntimeError):
        asyncio.run(Drive(engine([]), workers=ThreadWorkers(), messages=Messages([b"setup"])).settle())


def test_what_an_engine_raises_is_raised() -> None:
    closed = list[bool]()
    with pytest.raises(MalformedMessage):
        asyncio.run(Drive(engine(closed), workers=ThreadWorkers(), messages=Messages([b"bad"])).finish())
    assert closed == [True]


def test_a_cancelled_match_closes_its_engine() -> None:
    closed = list[bool]()

    async def cancel() -> None:
        messages = Messages([])
        task = asyncio.create_task(Drive(engine(closed), workers=ThreadWorkers(), messages=messages).finish())
        await messages.silent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert closed == [True]
