"""The sequencer's lease on one machine: a lock on a file beside the database, which dies with its process.

The lock makes a second broker stop at once. What makes it safe is the holder's name in `log_head`: whoever lost the
lease in another way (a removed lock file, a network file system) fails at its next stage.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from tacita_broker.errors import LeaseLost


class Lease:
    """Holds the lock while the context is open. Raises `LeaseLost` when another process has it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lease")
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LeaseLost("another broker is running on this database") from None
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
