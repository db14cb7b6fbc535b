"""The hits of a match on the disk, in parts, so that a page of a hundred thousand costs what a page is.

Each part holds the next `HITS_A_PART` hits, as JSON, encrypted by itself (`blobs.py`), in the blob
`results/<match>.parts`. Nodes from before that kept all hits of a match in one piece, in `results/<match>`: those are
still read, whole for every page.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from pydantic import TypeAdapter

from tacita_node.blobs import BlobStore
from tacita_sdk.node_api import HitView

NAMESPACE = "results"
HITS_A_PART = 1_000
"""Some hundred kilobytes: little beside a page, and still a thousand parts for a million hits."""

_HITS = TypeAdapter(tuple[HitView, ...])


class HitParts:
    """Hits by match id, in the order in which they were kept."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def keep(self, match: str, hits: Iterable[HitView]) -> None:
        """Stores the hits of a match, durably, all or none; they are taken in a thread, a part at a time."""
        await self._blobs.put_parts(NAMESPACE, _name(match), _encoded(iter(hits)))

    async def page(self, match: str, start: int, end: int) -> tuple[HitView, ...]:
        """The hits at positions `start` to `end`; there must be so many. Reads the parts in which they are, no other.

        Raises `BlobMissing` or `DecryptionFailed` when the disk was changed.
        """
        if start >= end:
            return ()
        if not await self._blobs.has(NAMESPACE, _name(match)):
            return _HITS.validate_json(await self._blobs.get(NAMESPACE, match))[start:end]
        first = start // HITS_A_PART
        found: list[HitView] = []
        for number in range(first, (end - 1) // HITS_A_PART + 1):
            found += _HITS.validate_json(await self._blobs.part(NAMESPACE, _name(match), number))
        skipped = start - first * HITS_A_PART
        return tuple(found[skipped : skipped + end - start])

    async def discard(self, match: str) -> None:
        """Destroys the hits of a match, if any were kept."""
        await self._blobs.delete(NAMESPACE, _name(match))
        await self._blobs.delete(NAMESPACE, match)


def _name(match: str) -> str:
    return f"{match}.parts"


def _encoded(hits: Iterator[HitView]) -> Iterator[bytes]:
    while part := tuple(islice(hits, HITS_A_PART)):
        yield _HITS.dump_json(part)
