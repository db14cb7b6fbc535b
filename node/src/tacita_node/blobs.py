"""Encrypted blobs in a directory: source files, epochs, frames, results.

A blob is written whole or not at all (temporary file, fsync, rename, fsync of the directory) and is on the disk when
`put` returns. Its ciphertext is bound to its namespace and name, so that two blobs cannot be exchanged on the disk.
"""

import asyncio
import os
import re
from pathlib import Path

from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.crypto.storage import StorageCipher

_NAMESPACE = re.compile(r"[a-z]{1,32}")
_UNFINISHED = "~"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")


class BlobMissing(Exception):
    """No blob of this name."""


class BlobStore:
    """Blobs by namespace and name. Safe for any number of tasks; two puts of one name leave one of the two whole.

    Args:
        directory: created when missing, readable by this user only.
        cipher: what everything at rest is encrypted with.
    """

    def __init__(self, directory: Path, cipher: StorageCipher) -> None:
        self._directory = directory
        self._cipher = cipher

    async def put(self, namespace: str, name: str, data: bytes) -> None:
        """Stores `data`, replacing an earlier blob of this name. Durable when it returns."""
        path = self._path(namespace, name)
        await asyncio.to_thread(self._write, path, namespace, name, data)

    async def get(self, namespace: str, name: str) -> bytes:
        """The blob's bytes. Raises `BlobMissing`, or `DecryptionFailed` when the file was changed or exchanged."""
        path = self._path(namespace, name)
        return await asyncio.to_thread(self._read, path, namespace, name)

    def read(self, namespace: str, name: str) -> bytes:
        """As `get`; blocks, for threads that read many blobs one after the other."""
        return self._read(self._path(namespace, name), namespace, name)

    async def has(self, namespace: str, name: str) -> bool:
        """Whether there is such a blob."""
        return await asyncio.to_thread(self._path(namespace, name).is_file)

    async def delete(self, namespace: str, name: str) -> None:
        """Removes the blob; nothing happens when there is none."""
        path = self._path(namespace, name)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def names(self, namespace: str) -> list[str]:
        """The names of this namespace's blobs, sorted."""
        directory = self._path(namespace, "x").parent
        return await asyncio.to_thread(_names, directory)

    async def forget_unfinished(self) -> None:
        """Removes what a crash left half-written. Only while nothing is put: at a start."""
        await asyncio.to_thread(self._forget_unfinished)

    def _forget_unfinished(self) -> None:
        for leftover in self._directory.glob(f"*/{_UNFINISHED}*"):
            leftover.unlink()

    def _path(self, namespace: str, name: str) -> Path:
        if _NAMESPACE.fullmatch(namespace) is None or _NAME.fullmatch(name) is None:
            raise ValueError(
                "a blob's namespace is lower-case letters, its name lower-case letters, digits, dot, hyphen"
            )
        return self._directory / namespace / name

    def _write(self, path: Path, namespace: str, name: str, data: bytes) -> None:
        ciphertext = self._cipher.encrypt(data, table=f"blob/{namespace}", row=name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.parent / f"{_UNFINISHED}{random_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(ciphertext)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)

    def _read(self, path: Path, namespace: str, name: str) -> bytes:
        try:
            ciphertext = path.read_bytes()
        except FileNotFoundError:
            raise BlobMissing(f"no such blob in {namespace}") from None
        return self._cipher.decrypt(ciphertext, table=f"blob/{namespace}", row=name)


def sync_directory(directory: Path) -> None:
    """Makes the directory's entries durable: without it a rename may be lost in a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    return sorted(entry.name for entry in directory.iterdir() if not entry.name.startswith(_UNFINISHED))
