"""The sequencer's lease: a lock on a file beside an SQLite database, or a lock of a PostgreSQL database.

Either dies with its process and makes a second broker stop at once. What makes it safe is the holder's name in
`log_head`: whoever lost the lease in another way (a removed lock file, a broken connection) fails at its next stage.
"""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from tacita_broker.errors import LeaseLost
from tacita_broker.postgresql import AdvisoryLease
from tacita_broker.storage import database_file, parse_url


class Lease(Protocol):
    """What only one broker has."""

    async def take(self) -> None:
        """Take it. Raises `LeaseLost` when another broker has it."""

    async def check(self) -> None:
        """Raises `LeaseLost` when it is gone."""

    async def release(self) -> None:
        """Give it back. Repeating it changes nothing."""


def lease_of(url: str) -> Lease:
    """The lease of a database."""
    file = database_file(url)
    return AdvisoryLease(parse_url(url)) if file is None else FileLease(file)


class FileLease:
    """A lock on a file beside the database."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lease")
        self._descriptor: int | None = None

    async def take(self) -> None:
        """Take it. Raises `LeaseLost` when another process has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LeaseLost("another broker is running on this database") from None
        self._descriptor = descriptor

    async def check(self) -> None:
        """Nothing to do: it is held for as long as this process lives."""

    async def release(self) -> None:
        """Give it back. Repeating it changes nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
