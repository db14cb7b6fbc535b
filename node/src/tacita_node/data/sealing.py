"""What a worker does with some lines of a source: normalise, seal, and pack the records for the spool."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacita_node.data.records import RecordSealer, RecordText
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise, normaliser_version

CHUNK_LINES = 2_000
"""Lines that one worker takes at a time."""

BUCKETS = 64
LOOKUP_BYTES = 32
_HEAD = struct.Struct(f">{LOOKUP_BYTES}sQI")
"""lookup | line u64 | bytes of the sealed text u32, which follows."""


@dataclass(frozen=True)
class SealedLines:
    """Some lines, done.

    Attributes:
        buckets: packed records by the first six bits of their lookup; of lines with one identifier, the first alone.
        records: how many lines hold an identifier.
        rejects: line and reason of each line that holds no identifier, in order.
    """

    buckets: dict[int, bytes]
    records: int
    rejects: list[tuple[int, str]]


@dataclass(frozen=True, order=True)
class SealedRecord:
    """A record as it is stored; ordered by lookup, then line."""

    lookup: bytes
    line: int
    sealed: bytes


def seal_lines(
    cipher: StorageCipher, dataset: str, kind: str, region: str | None, source: str, lines: Sequence[tuple[int, str]]
) -> SealedLines:
    """Seals (line, text) pairs. Runs in a worker: top-level, and what it takes and gives can be pickled.

    What these lines repeat is left out. Only the first line of an identifier becomes a record anyway, and a million
    lines with one switchboard's number would all be in one bucket, which is sorted in memory.
    """
    chosen = Kind(kind)
    sealer = RecordSealer(cipher, dataset=dataset, kind=chosen)
    normaliser = normaliser_version(chosen)
    buckets: dict[int, bytearray] = {}
    rejects = []
    known: set[bytes] = set()
    for line, text in lines:
        try:
            canonical = normalise(chosen, text, region)
        except InvalidIdentifier as error:
            rejects.append((line, str(error.reason)))
            continue
        lookup = sealer.lookup(canonical)
        if lookup in known:
            continue
        known.add(lookup)
        sealed = sealer.seal(RecordText(normaliser, canonical, text), source=source, line=line)
        packed = buckets.setdefault(lookup[0] * BUCKETS >> 8, bytearray())
        packed += _HEAD.pack(lookup, line, len(sealed)) + sealed
    done = {number: bytes(packed) for number, packed in buckets.items()}
    return SealedLines(done, len(lines) - len(rejects), rejects)


def unpack(packed: bytes) -> Iterator[SealedRecord]:
    """The records of a packed bucket."""
    at = 0
    while at < len(packed):
        lookup, line, size = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        yield SealedRecord(lookup, line, packed[at : at + size])
        at += size
