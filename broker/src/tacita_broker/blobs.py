"""Spooled frames: opaque bytes in a directory, one folder for each match."""

import asyncio
import re
import shutil
from pathlib import Path

from tacita_broker.files import make_directory_durably, sync_directory, write_durably

_NAME = re.compile(r"[a-z0-9-]{1,64}")


class BlobMissing(Exception):
    """No blob has this name."""


class BlobStore:
    """Durable blobs `folder/name`. Both parts are a-z, 0-9 and hyphens only, so no path leaves the root."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, folder: str, name: str, data: bytes) -> None:
        """Store `data`; it is on the disk when this returns. Storing again replaces."""
        path = self._path(folder, name)

        def store() -> None:
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
            path.unlink(missing_ok=True)
            if path.parent.exists() and not any(path.parent.iterdir()):
                path.parent.rmdir()

        await asyncio.to_thread(remove)

    async def delete_folder(self, folder: str) -> None:
        """Remove a folder with everything in it; nothing happens when there is none."""
        path = self._root / self._checked(folder)

        def remove() -> None:
            if path.exists():
                shutil.rmtree(path)
                sync_directory(self._root)

        await asyncio.to_thread(remove)

    def _path(self, folder: str, name: str) -> Path:
        return self._root / self._checked(folder) / self._checked(name)

    @staticmethod
    def _checked(part: str) -> str:
        if not _NAME.fullmatch(part):
            raise ValueError("a blob's name is made of a-z, 0-9 and -")
        return part
