"""The published log as files: tiles, which never change, and the checkpoint, which only grows."""

import threading
from pathlib import Path

from tacita_broker.errors import LogDamaged, LogRolledBack
from tacita_broker.files import make_directory_durably, write_durably
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.note import split_note

CHECKPOINT = "checkpoint"


class LogFiles:
    """The directory behind `/log/`. Calls block until the disk has the bytes; an `OSError` is fatal for the caller."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._publishing = threading.Lock()

    def read(self, path: str) -> bytes:
        """A tile or bundle. Raises `LogDamaged` when it is not there."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            raise LogDamaged("a file of the published log is missing") from None

    def write_tile(self, path: str, data: bytes) -> None:
        """Write a tile or bundle. Writing the same bytes again is allowed; other bytes are a fork (`LogDamaged`)."""
        target = self.root / path
        try:
            present: bytes | None = target.read_bytes()
        except FileNotFoundError:
            present = None
        if present is not None and present != data:
            raise LogDamaged("a tile of the published log would change")
        # Also when the bytes are there: a crash may have come between the rename and the sync of the directory.
        make_directory_durably(target.parent)
        write_durably(target, data)

    def published(self) -> bytes | None:
        """The checkpoint note, None before the first."""
        try:
            return (self.root / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def publish(self, note: bytes) -> None:
        """Replace the checkpoint by a larger one; nothing happens when this one is published already.

        Raises `LogRolledBack` or `LogDamaged` when the published one is larger or another of the same size.
        """
        with self._publishing:
            present = self.published()
            if present is not None:
                old, new = read_checkpoint(present), read_checkpoint(note)
                if old.size > new.size:
                    raise LogRolledBack("the published checkpoint is larger than the one to publish")
                if old.size == new.size:
                    if old != new:
                        raise LogDamaged("the published checkpoint of this size is another one")
                    return
            make_directory_durably(self.root)
            write_durably(self.root / CHECKPOINT, note)

    def add_cosignatures(self, note: bytes) -> bool:
        """Replace the published checkpoint by the same one with more signatures; False when it is another by now."""
        with self._publishing:
            present = self.published()
            if present is None or split_note(present)[0] != split_note(note)[0]:
                return False
            write_durably(self.root / CHECKPOINT, note)
            return True


def read_checkpoint(note: bytes) -> Checkpoint:
    """The checkpoint in a note of our own, signatures not checked. Raises `LogDamaged`."""
    try:
        return Checkpoint.parse(split_note(note)[0])
    except ProtocolError:
        raise LogDamaged("a published or stored checkpoint is not readable") from None
