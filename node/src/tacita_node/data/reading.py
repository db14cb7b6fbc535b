"""Reading a source file into a spool: lines in order, workers side by side, no more than a few chunks in memory."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from tacita_node.data.sealing import CHUNK_LINES, SealedLines, seal_lines
from tacita_node.data.sources import SourceLine, SourceRefused
from tacita_node.data.spool import Spool
from tacita_node.problems import ProblemError
from tacita_node.workers import Workers
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.psi.engine import Task

CHUNKS_AHEAD = 8
"""Chunks of lines that workers have or will have next: enough that none waits, few enough to be no memory."""


@dataclass(frozen=True)
class SealingOrder:
    """What a worker needs besides the lines: `seal_lines` says more."""

    cipher: StorageCipher
    dataset: str
    kind: str
    region: str | None
    source: str


async def read_into(
    spool: Spool,
    lines: Iterator[SourceLine],
    order: SealingOrder,
    workers: Workers,
    read: Callable[[int], None],
) -> None:
    """Normalises and seals every line; `read` is told how many more are done. Raises `ProblemError` for a bad file.

    Chunks are worked at side by side and taken in order.
    """
    under_way: deque[asyncio.Task[list[SealedLines]]] = deque()
    arguments = (order.cipher, order.dataset, order.kind, order.region, order.source)
    try:
        more = True
        while more or under_way:
            chunk = await asyncio.to_thread(_next_lines, lines) if more else []
            more = bool(chunk)
            if more:
                task = Task(seal_lines, (*arguments, chunk))
                under_way.append(asyncio.create_task(workers.run([task])))
            if under_way and (len(under_way) > CHUNKS_AHEAD or not more):
                [sealed] = await under_way.popleft()
                await asyncio.to_thread(spool.add, sealed)
                read(sealed.records + len(sealed.rejects))
    finally:
        for waiting in under_way:
            waiting.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _next_lines(lines: Iterator[SourceLine]) -> list[tuple[int, str]]:
    with refusals():
        return [(line.number, line.text) for line in islice(lines, CHUNK_LINES)]


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turns what is wrong with a file into the answer to whoever sent it."""
    try:
        yield
    except SourceRefused as refused:
        raise ProblemError(422, f"source-{refused.code}", str(refused)) from None
