"""A proxy between partners or witnesses and the broker that behaves as bad networks do.

It speaks HTTP/1.1 as far as it must, so that a whole request can be lost, delivered twice, or answered to nobody. What
happens to a request is drawn from the seed, the number of its connection and its number there: so a seed makes the same
weather again, though not the same order of messages.
"""

import asyncio
import itertools
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

MAX_HEAD_BYTES = 64 * 1024


class Fate(StrEnum):
    """What becomes of one request."""

    PASSED = "passed"
    RESET_BEFORE = "reset before the broker saw it"
    RESET_AFTER = "reset after the broker did it"
    RESET_WITHIN = "reset in the middle of the answer"
    TWICE_FIRST = "delivered twice, answered with the first answer"
    TWICE_SECOND = "delivered twice, answered with the second answer"
    SILENT = "never answered, the connection stays open"
    HALF_CLOSED = "never answered, the connection is closed in one direction"


@dataclass(frozen=True)
class Weather:
    """How bad the network is. Shares are of all requests."""

    seed: int
    latency_seconds: float
    """Each direction takes between nothing and this."""
    resets: float = 0.10
    duplicates: float = 0.10
    half_open: float = 0.04
    silence_seconds: float | None = None
    """After this a connection that went silent is reset; None: only the other side's patience ends it."""

    def __call__(self, connection: int, number: int) -> tuple[Fate, float, float]:
        """Fate and both latencies of a request."""
        draw = random.Random(f"{self.seed}/{connection}/{number}")
        kinds = (
            (self.resets, (Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.RESET_WITHIN)),
            (self.duplicates, (Fate.TWICE_FIRST, Fate.TWICE_SECOND)),
            (self.half_open, (Fate.SILENT, Fate.HALF_CLOSED)),
        )
        where, fate = draw.random(), Fate.PASSED
        for share, fates in kinds:
            if 0 <= where < share:
                fate = draw.choice(fates)
            where -= share
        return fate, draw.uniform(0, self.latency_seconds), draw.uniform(0, self.latency_seconds)


class FaultProxy:
    """Listens on a loopback port and forwards to `target`, another one. `counts` says what became of the requests.

    `fate_of`, if given, decides for each request line instead of the weather; latency stays the weather's.
    """

    def __init__(self, target: int, weather: Weather, fate_of: Callable[[str], Fate] | None = None) -> None:
        self._target = target
        self._weather = weather
        self._fate_of = fate_of
        self._connections = itertools.count()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.counts: Counter[Fate] = Counter()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(next(self._connections), reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            _reset(writer)  # one of the two sides has gone
        except asyncio.CancelledError:  # the proxy ends; asyncio's own callback would complain of a cancelled task
            _reset(writer)
        finally:
            writer.close()
            self._serving.discard(task)

    async def _serve(self, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in itertools.count():
            request = await _message(reader)
            if request is None:
                return
            fate, going, coming = self._weather(connection, number)
            if self._fate_of is not None:
                fate = self._fate_of(request.partition(b"\r\n")[0].decode("latin-1"))
            self.counts[fate] += 1
            await asyncio.sleep(going)
            if fate is Fate.RESET_BEFORE:
                _reset(writer)
                return
            if fate in (Fate.SILENT, Fate.HALF_CLOSED):
                await self._fall_silent(fate, reader, writer)
                return
            answer = await self._answer(request, fate)
            await asyncio.sleep(coming)
            if fate is Fate.RESET_AFTER:
                _reset(writer)
                return
            writer.write(answer[: len(answer) // 2] if fate is Fate.RESET_WITHIN else answer)
            await writer.drain()
            if fate is Fate.RESET_WITHIN:
                _reset(writer)
                return

    async def _fall_silent(self, fate: Fate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if fate is Fate.HALF_CLOSED:
            writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._weather.silence_seconds):
                await reader.read()
        _reset(writer)

    async def _answer(self, request: bytes, fate: Fate) -> bytes:
        if fate not in (Fate.TWICE_FIRST, Fate.TWICE_SECOND):
            return await self._exchange(request)
        answers = [await self._exchange(request), await self._exchange(request)]
        return answers[fate is Fate.TWICE_SECOND]

    async def _exchange(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target, limit=MAX_HEAD_BYTES)
        try:
            writer.write(request)
            await writer.drain()
            answer = await _message(reader)
        finally:
            writer.close()
        if answer is None:
            raise ConnectionResetError("the broker closed the connection without an answer")
        return answer


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """One request or answer with its body, whose length its head tells; None when the connection ends before it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if name.lower() == b"transfer-encoding":
            raise AssertionError("nobody here sends chunks")
    return head + await reader.readexactly(length)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
