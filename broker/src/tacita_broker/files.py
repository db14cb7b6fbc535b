"""Files that are on the disk when a call returns: temp, fsync, rename, fsync of the directory.

`SyncFailed` means that nobody knows what the disk holds: an fsync that failed is not repeated, because the kernel may
have dropped the pages. Callers that acknowledge by it must stop. After any other `OSError` the old bytes are there.
"""

import os
from contextlib import suppress
from pathlib import Path

from tacita_broker.disk import SyncFailed
from tacita_protocol.crypto.randomness import random_hex

UNFINISHED = ".tmp"


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace or create `path` with `data`: readers see the old bytes or the new ones, also after a power cut."""
    # A name of its own: of two that write the same file, as two brokers might, each must rename what it wrote itself.
    temporary = path.with_name(f".{path.name}.{random_hex(8)}{UNFINISHED}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += os.write(descriptor, view[written:])
        _sync(descriptor)
    except OSError:
        with suppress(OSError):
            temporary.unlink()  # a full disk needs the room
        raise
    finally:
        os.close(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


def forget_unfinished(root: Path, *, before: float) -> None:
    """Remove what a crash left half-written below `root` before that time (unix seconds)."""
    for leftover in root.rglob(f".*{UNFINISHED}"):
        with suppress(FileNotFoundError):
            if leftover.stat().st_mtime < before:
                leftover.unlink()


def make_directory_durably(path: Path, *, mode: int = 0o755) -> None:
    """Create `path` and its missing parents, each durable in its parent."""
    if path.is_dir():
        return
    make_directory_durably(path.parent, mode=mode)
    path.mkdir(mode=mode, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise SyncFailed(f"the disk did not confirm what was written: {error.strerror}") from error
