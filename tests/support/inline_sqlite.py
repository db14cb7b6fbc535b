"""SQLite without a thread for each connection, for tests that make very many small transactions in one process.

`aiosqlite` hands every call to the connection's own thread and waits for it: most of the time of a small transaction is
that. Here the call is made at once. It is the same SQLite on the same files with the same transactions.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import aiosqlite

_Job = tuple[asyncio.Future[Any] | None, Callable[[], Any]]


class _AtOnce:
    """Stands for the queue to a connection's thread, and for the thread."""

    daemon = True

    def start(self) -> None:
        """There is nothing to start."""

    def put_nowait(self, job: _Job) -> None:
        """Does the job and fulfils its future."""
        future, function = job
        try:
            result = function()
        except BaseException as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


@contextmanager
def inline_sqlite() -> Iterator[None]:
    """Connections that are made in the block call SQLite where they stand."""
    made = aiosqlite.Connection.__init__

    def make(connection: aiosqlite.Connection, *args: Any, **kwargs: Any) -> None:
        made(connection, *args, **kwargs)
        at_once = _AtOnce()
        vars(connection).update(_tx=at_once, _thread=at_once)

    with mock.patch.object(aiosqlite.Connection, "__init__", make):
        yield
