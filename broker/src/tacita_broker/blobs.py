"""Spooled frames: opaque bytes in a directory, one folder for each match."""

import asyncio
import re
import shutil
import threading
from pathlib import Path

from tacita_broker.files import make_directory_durably, sync_directory, write_durably

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_LOCKS = 64


class BlobMissing(Exception):
    """No blob has this name."""


class BlobStore:
    """Durable blobs `folder/name`. Both parts are a-z, 0-9 and hyphens only, so no path leaves the root.

    Safe for any number of tasks. Changes of one folder happen one after the other: a folder that is being removed while
    somebody puts a blob into it is then either gone with the blob or made anew for it, and no call fails.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changing = tuple(threading.Lock() for _ in range(_LOCKS))

    async def put(self, folder: str, name: str, data: bytes) -> None:
        """Store `data`; it is on the disk when this returns. Storing again replaces."""
        path = self._path(folder, name)

        def store() -> None:
            with self._only_one(folder):
                make_directory_durably(path.parent)
                write_durably(path, data)

        await asyncio.to_thread(store)

    async def get(self, folder: str, name: str) -> bytes:
        """The bytes. Raises `BlobMissing`."""
        path = self._path(folder, name)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise BlobMissing("no such blob") from None

    async def delete(self, folder: str, name: str) -> None:
        """Remove a blob that nothing refers to, and its folder when that was the last one."""
        path = self._path(folder, name)

        def remove() -> None:
            with self._only_one(folder):
                path.unlink(missing_ok=True)
                if path.parent.exists() and not any(path.parent.iterdir()):
                    path.parent.rmdir()

        await asyncio.to_thread(remove)

    async def delete_folder(self, folder: str) -> None:
        """Remove a folder with everything in it; nothing happens when there is none."""
        path = self._root / self._checked(folder)

        def remove() -> None:
            with self._only_one(folder):
                if path.exists():
                    shutil.rmtree(path)
                    sync_directory(self._root)

        await asyncio.to_thread(remove)

    def _only_one(self, folder: str) -> threading.Lock:
        # Of threads, not of tasks: a task that is cancelled does not end the thread that writes for it.
        return self._changing[hash(folder) % _LOCKS]

    def _path(self, folder: str, name: str) -> Path:
        return self._root / self._checked(folder) / self._checked(name)

    @staticmethod
    def _checked(part: str) -> str:
        if not _NAME.fullmatch(part):
            raise ValueError("a blob's name is made of a-z, 0-9 and -")
        return part
