"""The client for coroutines: the same calls as the blocking one, and a cancelled one leaves nothing behind."""

import asyncio
import errno
import inspect
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tacita_sdk.async_node import AsyncMatch, AsyncNode
from tacita_sdk.errors import NodeUnreachable, WaitExpired
from tacita_sdk.node import Match, Node
from tests.unit.sdk.test_node_client import MATCH, summary


def calls(cls: type) -> dict[str, list[tuple[str, object]]]:
    """A class's public calls with their parameters; how one sleeps is its own affair."""
    return {
        name: [(one.name, one.default) for one in inspect.signature(member).parameters.values() if one.name != "sleep"]
        for name, member in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("blocking", "other"), [(Node, AsyncNode), (Match, AsyncMatch)])
def test_both_clients_have_the_same_calls(blocking: type, other: type) -> None:
    assert calls(blocking) == calls(other)
    for name in calls(other):
        member = getattr(other, name)
        assert inspect.isasyncgenfunction(member) == name.startswith("iter_")
        assert inspect.iscoroutinefunction(member) != name.startswith("iter_")


def test_a_wait_that_expires_says_that_the_match_goes_on() -> None:
    times = iter([0.0, 6.0])

    async def scene() -> None:
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=summary("matching")))
        async with AsyncNode("https://node.test", token="t", transport=transport) as node:
            await AsyncMatch(node, MATCH).wait(timeout=5, clock=lambda: next(times))

    with pytest.raises(WaitExpired, match=f"tacita match wait {MATCH}"):
        asyncio.run(scene())


class Held(httpx2.AsyncBaseTransport):
    """Holds an answer back in the middle of its body; `closed` counts the answers that were let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.closed = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=_HeldBody(self), request=request)


class _HeldBody(httpx2.AsyncByteStream):
    def __init__(self, held: Held) -> None:
        self._held = held

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        self._held.reached.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self._held.closed += 1


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    async def scene() -> None:
        held = Held()
        async with AsyncNode("https://node.test", token="t", transport=held) as node:
            waiting = asyncio.create_task(AsyncMatch(node, MATCH).wait())
            await held.reached.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert held.closed == 1
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())


def test_a_wait_cancelled_between_two_looks_ends_at_once() -> None:
    async def scene() -> None:
        asleep = asyncio.Event()

        async def sleep(_: float) -> None:
            asleep.set()
            await asyncio.Event().wait()

        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=summary("matching")))
        async with AsyncNode("https://node.test", token="t", transport=transport) as node:
            waiting = asyncio.create_task(AsyncMatch(node, MATCH).wait(sleep=sleep))
            await asleep.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())


def test_pauses_between_attempts_are_waited_for() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    async def scene() -> None:
        async with AsyncNode(
            "https://node.test", token="t", transport=httpx2.MockTransport(refuse), sleep=sleep
        ) as node:
            await node.status()

    with pytest.raises(NodeUnreachable, match=r"https://node\.test"):
        asyncio.run(scene())
    assert len(pauses) == 3


async def read_by_another(fifo: Path) -> int:
    """A descriptor to write to the fifo, once somebody has opened it to read."""
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads it yet
                raise
        await asyncio.sleep(0.01)


def test_an_import_that_is_cancelled_while_its_file_is_read_is_cancelled(tmp_path: Path) -> None:
    """Its steps are taken in a thread, which cannot be stopped: here it waits for bytes that do not come."""
    os.mkfifo(tmp_path / "phones.csv")

    async def scene() -> None:
        async with AsyncNode("https://node.test", token="t") as node:
            importing = asyncio.create_task(node.import_csv(tmp_path / "phones.csv", dataset="p", kind="phone"))
            writing = await read_by_another(tmp_path / "phones.csv")
            try:
                importing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await importing
            finally:
                os.close(writing)

    asyncio.run(scene())
