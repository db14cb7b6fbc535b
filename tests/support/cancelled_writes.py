"""Writers that are cancelled at every point of a transaction, by a task that is remembered with its traceback."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import product

TURNS = 60
"""Of the event loop, for which a writer may run before it is cancelled."""
PAUSES = (0.0, 0.0003, 0.0006, 0.0009, 0.0012)
"""Seconds after that, so that the database's own thread has come to another point."""
PATIENCE_SECONDS = 5.0
"""Less than a writer waits for SQLite's own lock."""


async def cancel_at_every_point(write: Callable[[], Awaitable[None]], *, pauses: Sequence[float] = PAUSES) -> int:
    """Cancels `write` at one point after another, and writes again at once; how many were cut off.

    The exception of each is kept while the next one writes, as a task does that writes down how it ended.

    Raises:
        TimeoutError: a writer that was cancelled holds the lock of the database still.
    """
    cut = 0
    for turns, pause in product(range(TURNS), pauses):
        writing = asyncio.ensure_future(write())
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.sleep(pause)
        writing.cancel()
        try:
            await writing
        except asyncio.CancelledError:  # known, with its traceback, to the end of this block
            cut += 1
            async with asyncio.timeout(PATIENCE_SECONDS):
                await write()
    return cut
