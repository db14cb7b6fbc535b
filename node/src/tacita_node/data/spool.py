"""What the workers made of a file, on its way to the database: sealed records sorted by lookup, and rejected lines.

The database finds records by a keyed HMAC, which is random: records in the order of their lines would each touch
another page of its index, and a million of them would write gigabytes. In the order of the index each page is written
once. So records go to a temporary file first, in buckets by the first bits of their lookup; a bucket is then sorted in
memory. The file holds what the database will hold (sealed texts, keyed HMACs), and has no name: it ends with the
process.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tacita_node.data.sealing import BUCKETS, SealedLines, SealedRecord, unpack

BUFFER_BYTES = 64 * 2**10
"""What a bucket gathers before it is written."""


class Spool:
    """A sorter for the records of one source. Blocks: call it from a thread.

    Args:
        directory: where the temporary file is made.
        rejects: how many rejected lines are kept.

    Attributes:
        rejected: how many lines were rejected.
        rejects: (line, reason) of the first of them, in order.
    """

    def __init__(self, directory: Path, *, rejects: int) -> None:
        self.rejected = 0
        self.rejects: list[tuple[int, str]] = []
        self._room = rejects
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed by __exit__
        self._buffers = [bytearray() for _ in range(BUCKETS)]
        self._written: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, done: SealedLines) -> None:
        """Takes the records and rejects of some lines. Called in the order of the lines."""
        self.rejected += len(done.rejects)
        self.rejects.extend(done.rejects[: self._room - len(self.rejects)])
        for bucket, packed in done.buckets.items():
            buffer = self._buffers[bucket]
            buffer += packed
            if len(buffer) >= BUFFER_BYTES:
                at = self._file.seek(0, 2)
                self._file.write(buffer)
                self._written[bucket].append((at, len(buffer)))
                buffer.clear()

    def sorted(self, records: int) -> Iterator[list[SealedRecord]]:
        """Every record once, ordered by lookup, in lists of at most `records`; of equal lookups the first line's."""
        waiting: list[SealedRecord] = []
        for bucket in range(BUCKETS):
            found: dict[bytes, SealedRecord] = {}
            for record in sorted(unpack(self._bucket(bucket))):
                found.setdefault(record.lookup, record)
            waiting.extend(found.values())
            while len(waiting) >= records:
                yield waiting[:records]
                del waiting[:records]
        if waiting:
            yield waiting

    def _bucket(self, number: int) -> bytes:
        parts = []
        for at, length in self._written[number]:
            self._file.seek(at)
            parts.append(self._file.read(length))
        return b"".join((*parts, self._buffers[number]))
