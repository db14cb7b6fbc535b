"""What a witness remembers, so that it can never be talked back: the last checkpoint it cosigned.

The state is one file. A write goes to a temporary file, which is synced, renamed over the state, and made durable by
syncing the directory: after a crash there is the old state or the new one, never a mixture. A missing or broken state
is an error, not a fresh start; a witness that forgot must take a new key.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.statement import Part, parse_part
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_sdk.errors import SdkError

STATE_MAX_BYTES: Final = 8 * 1024


class WitnessStateError(SdkError):
    """The remembered state cannot be read, is missing, or another process changed it. Do not cosign; look into it."""


class _StateFile(Part):
    v: Literal[1]
    checkpoint: Annotated[str, Field(max_length=1024)] | None


class WitnessStore:
    """The state file of one witness in `directory`. Safe against a second process on the same directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "witness-state.json"
        self._lock_path = directory / "witness-state.lock"

    @classmethod
    def create(cls, directory: Path) -> Self:
        """Begin with an empty memory: once, when the witness's key is made. Raises WitnessStateError if it exists."""
        store = cls(directory)
        with store._locked():
            if store._path.exists():
                raise WitnessStateError("this witness already has a state")
            store._write(None)
        return store

    @property
    def exists(self) -> bool:
        """Whether `create` was ever called here."""
        return self._path.exists()

    def load(self) -> Checkpoint | None:
        """The remembered checkpoint, None before the first cosignature. Raises WitnessStateError."""
        try:
            with self._path.open("rb") as file:
                data = file.read(STATE_MAX_BYTES + 1)
        except FileNotFoundError:
            raise WitnessStateError("the witness's state is missing; a witness that forgot takes a new key") from None
        try:
            stored = parse_part(_StateFile, data, what="witness state", max_bytes=STATE_MAX_BYTES)
            return None if stored.checkpoint is None else Checkpoint.parse(stored.checkpoint)
        except ProtocolError as error:
            raise WitnessStateError("the witness's state is damaged") from error

    def replace(self, expected: Checkpoint | None, new: Checkpoint) -> None:
        """Make `new` durable, provided that the memory still holds `expected`.

        Raises WitnessStateError if it is not, and OSError if the disk fails; in both cases nothing may be cosigned.
        """
        with self._locked():
            if self.load() != expected:
                raise WitnessStateError("another process has changed the witness's state")
            self._write(new)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, checkpoint: Checkpoint | None) -> None:
        stored = _StateFile(v=1, checkpoint=checkpoint.text() if checkpoint else None)
        temporary = self._path.with_suffix(".tmp")
        write_durably(temporary, stored.model_dump_json().encode())
        temporary.replace(self._path)
        sync_directory(self._directory)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, and sync it. Raises OSError, also when syncing fails."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Make renames in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
