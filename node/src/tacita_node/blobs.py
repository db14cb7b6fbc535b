"""Encrypted blobs in a directory: source files, epochs, frames, results.

A blob is written whole or not at all (temporary file, fsync, rename, fsync of the directory) and is on the disk when
`put` returns. Its ciphertext is bound to its namespace and name, so that two blobs cannot be exchanged on the disk.

A blob of parts is such a file, too, of which each part can be read without the others::

    part 0 | part 1 | ... | u64 end of part 0 | u64 end of part 1 | ... | u64 number of parts        (big-endian)

Each part is encrypted by itself and bound to its number as well. The table behind them is not: who changes it makes
parts that do not open. How many there must be, a reader knows from elsewhere.
"""

import asyncio
import os
import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed

_NAMESPACE = re.compile(r"[a-z]{1,32}")
_UNFINISHED = "~"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")


_WORD = struct.Struct(">Q")


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
        table = f"blob/{namespace}"
        await asyncio.to_thread(
            _write, path, lambda file: file.write(self._cipher.encrypt(data, table=table, row=name))
        )

    async def put_parts(self, namespace: str, name: str, parts: Iterable[bytes]) -> None:
        """Stores a blob of parts, as `put`; they are taken one at a time, in a thread."""
        path = self._path(namespace, name)
        await asyncio.to_thread(_write, path, lambda file: self._write_parts(file, namespace, name, parts))

    async def part(self, namespace: str, name: str, number: int) -> bytes:
        """One part of such a blob, from 0. Raises as `get`, and `BlobMissing` when it has no part of that number."""
        path = self._path(namespace, name)
        return await asyncio.to_thread(self._read_part, path, namespace, name, number)

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

    def _write_parts(self, file: BinaryIO, namespace: str, name: str, parts: Iterable[bytes]) -> None:
        ends = []
        for number, part in enumerate(parts):
            file.write(self._cipher.encrypt(part, table=f"blob/{namespace}", row=f"{name}/{number}"))
            ends.append(file.tell())
        file.write(b"".join(map(_WORD.pack, (*ends, len(ends)))))

    def _read_part(self, path: Path, namespace: str, name: str, number: int) -> bytes:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise BlobMissing(f"no such blob in {namespace}") from None
        with file:
            size = file.seek(0, os.SEEK_END)
            count = _word(file, size - _WORD.size)
            if not 0 <= number < count:
                raise BlobMissing(f"no such part of a blob in {namespace}")
            table = size - (count + 1) * _WORD.size
            start = 0 if number == 0 else _word(file, table + (number - 1) * _WORD.size)
            end = _word(file, table + number * _WORD.size)
            if not start <= end <= table:
                raise _spoilt()
            file.seek(start)
            ciphertext = file.read(end - start)
        return self._cipher.decrypt(ciphertext, table=f"blob/{namespace}", row=f"{name}/{number}")

    def _read(self, path: Path, namespace: str, name: str) -> bytes:
        try:
            ciphertext = path.read_bytes()
        except FileNotFoundError:
            raise BlobMissing(f"no such blob in {namespace}") from None
        return self._cipher.decrypt(ciphertext, table=f"blob/{namespace}", row=name)


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.parent / f"{_UNFINISHED}{random_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _word(file: BinaryIO, at: int) -> int:
    if at < 0:
        raise _spoilt()
    file.seek(at)
    [number] = _WORD.unpack(file.read(_WORD.size))
    return int(number)


def _spoilt() -> DecryptionFailed:
    return DecryptionFailed("a blob of parts was changed on the disk")


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
