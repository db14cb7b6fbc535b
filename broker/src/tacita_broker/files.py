"""Files that are on the disk when a call returns: temp, fsync, rename, fsync of the directory.

An `OSError` from here means that nobody knows what the disk holds (an fsync that failed is not repeated: the kernel may
have dropped the pages). Callers that acknowledge by it must stop.
"""

import os
from pathlib import Path


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace or create `path` with `data`: readers see the old bytes or the new ones, also after a power cut."""
    temporary = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                written += os.write(descriptor, view[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


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
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
