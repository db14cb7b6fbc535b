"""Source files on their way to this node, in numbered pieces, and kept afterwards.

A file is announced by its SHA-256 and size, and is called by a keyed HMAC of that digest from then on: of a file with
one phone number in it, the digest itself would give the number away. A piece is an encrypted blob, so no more than one
is ever in memory; pieces arrive in order, a piece may be sent again, and whoever was interrupted asks which is next.
That the pieces are the announced file is verified by whoever reads them to the end.

What was not imported is not kept: it is forgotten when it is refused, after a dry run, when too many files are under
way (the one that waited longest), and at the next start.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tacita_node.blobs import BlobStore
from tacita_node.config import Limits
from tacita_node.problems import ProblemError
from tacita_protocol.crypto.digest import sha256
from tacita_protocol.crypto.storage import StorageCipher

SOURCE_BLOBS = "sources"

Recorded = Callable[[], Awaitable[set[str]]]
"""Names of the files that imports tell of."""


@dataclass
class Upload:
    """One file: `name` (64 hexadecimal digits), its announced size in bytes, and how many of its pieces are here."""

    name: str
    size: int
    digest: bytes = field(repr=False)
    piece_bytes: int
    here: int = 0
    readers: int = 0

    @property
    def pieces(self) -> int:
        """How many pieces it has; all but the last have `piece_bytes`."""
        return -(-self.size // self.piece_bytes)

    @property
    def complete(self) -> bool:
        """Whether every piece is here."""
        return self.here == self.pieces


class Uploads:
    """The files under way and those that were imported.

    Args:
        blobs: where pieces are.
        cipher: names the files.
        limits: bytes of a file and of a piece; files under way at once.
        recorded: what must not be forgotten.
    """

    def __init__(self, blobs: BlobStore, *, cipher: StorageCipher, limits: Limits, recorded: Recorded) -> None:
        self._blobs = blobs
        self._cipher = cipher
        self._limits = limits
        self._recorded = recorded
        self._known: dict[str, Upload] = {}  # the one that waited longest first
        self._changing = asyncio.Lock()

    async def begin(self, digest: bytes, size: int) -> Upload:
        """The upload of that file, as far as it has come.

        Raises `ProblemError` for a file that is too large, and for another size than a file of this digest has which is
        being read or was imported: its pieces are that file's.
        """
        if size > self._limits.import_bytes:
            raise ProblemError(413, "source-too-large", f"The file has more than {self._limits.import_bytes} bytes.")
        name = self._cipher.lookup(digest, purpose="source").hex()
        async with self._changing:
            upload = self._known.get(name)
            if upload is not None and upload.size != size:
                if upload.readers:
                    raise _another_size()
                await self._delete([upload])
                upload = None
            if upload is None:
                upload = Upload(name, size, digest, self._limits.upload_piece_bytes)
                present = set(await self._blobs.names(SOURCE_BLOBS))
                while not upload.complete and piece_name(name, upload.here) in present:
                    upload.here += 1
                if not upload.complete and name in await self._recorded():
                    raise _another_size()
            self._known.pop(name, None)
            self._known[name] = upload
            await self._make_room()
        return upload

    async def put(self, name: str, number: int, data: bytes) -> Upload:
        """Stores one piece. Raises `ProblemError` for a piece that is not the next one or has another length."""
        async with self._changing:
            upload = self.find(name)
            if number > upload.here or number >= upload.pieces:
                raise ProblemError(409, "not-the-next-piece", f"The next piece of this file is number {upload.here}.")
            length = min(upload.piece_bytes, upload.size - number * upload.piece_bytes)
            if len(data) != length:
                raise ProblemError(422, "piece-length", f"This piece of the file has {length} bytes.")
            if number == upload.here:  # what is here already is not written over: an import may tell of it
                await self._blobs.put(SOURCE_BLOBS, piece_name(name, number), data)
                upload.here += 1
            self._known[name] = self._known.pop(name)
        return upload

    async def whole(self, data: bytes) -> Upload:
        """Takes a file that is here in one. Raises `ProblemError`."""
        upload = await self.begin(await asyncio.to_thread(sha256, data), len(data))
        for number in range(upload.here, upload.pieces):
            start = number * upload.piece_bytes
            await self.put(upload.name, number, data[start : start + upload.piece_bytes])
        return upload

    def find(self, name: str) -> Upload:
        """An upload that was begun. Raises `ProblemError`."""
        upload = self._known.get(name)
        if upload is None:
            raise ProblemError(404, "no-such-upload", "No such upload is under way; begin it again.")
        return upload

    @contextmanager
    def held(self, upload: Upload) -> Iterator[None]:
        """While the block runs, this file is not forgotten to make room."""
        upload.readers += 1
        try:
            yield
        finally:
            upload.readers -= 1

    def read(self, upload: Upload) -> Iterator[bytes]:
        """The pieces in order; blocks. Raises `BlobMissing` or `DecryptionFailed` when the disk was changed."""
        for number in range(upload.pieces):
            yield self._blobs.read(SOURCE_BLOBS, piece_name(upload.name, number))

    def read_verified(self, upload: Upload, seen: Callable[[int], None]) -> Iterator[bytes]:
        """As `read`, and raises `ProblemError` at the end when this is not the announced file.

        `seen` is told the bytes of each piece.
        """
        digest, size = hashlib.sha256(), 0
        for piece in self.read(upload):
            digest.update(piece)
            size += len(piece)
            seen(len(piece))
            yield piece
        if (digest.digest(), size) != (upload.digest, upload.size):
            raise ProblemError(409, "upload-differs", "What arrived is not the file that was announced: send it again.")

    async def forget(self, upload: Upload) -> None:
        """Deletes a file that nobody reads, unless an import tells of it."""
        async with self._changing:
            if not upload.readers:
                await self._delete([upload])

    async def forget_unrecorded(self) -> None:
        """Deletes every file that no import tells of: at a start."""
        recorded = await self._recorded()
        for blob in await self._blobs.names(SOURCE_BLOBS):
            if blob.partition(".")[0] not in recorded:
                await self._blobs.delete(SOURCE_BLOBS, blob)

    async def _make_room(self) -> None:
        surplus = len(self._known) - self._limits.uploads
        if surplus > 0:
            idle = [upload for upload in self._known.values() if not upload.readers]
            await self._delete(idle[: min(surplus, len(idle) - 1)])  # not the one that was just begun

    async def _delete(self, uploads: list[Upload]) -> None:
        recorded = await self._recorded() if uploads else set()
        for upload in uploads:
            self._known.pop(upload.name, None)
            if upload.name not in recorded:
                for number in range(upload.here):
                    await self._blobs.delete(SOURCE_BLOBS, piece_name(upload.name, number))


def _another_size() -> ProblemError:
    return ProblemError(
        409, "another-size", "This node has a file of this SHA-256 that has another size: one of the two is wrong."
    )


def piece_name(upload: str, number: int) -> str:
    """The blob of one piece."""
    return f"{upload}.{number:06d}"
