"""How long a page of a match's hits takes, from the disk to what is answered."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.report import Figure, progress
from tacita_node.blobs import BlobStore
from tacita_node.matching.hit_parts import HitParts
from tacita_node.pages import HITS_A_PAGE
from tacita_protocol.crypto.storage import STORAGE_KEY_SIZE, StorageCipher
from tacita_sdk.node_api import HitView

HITS = 100_000
PAGE = 100
REPEATED = 25
MATCH = "c9" * 16


def hits_page() -> Iterator[Figure]:
    """Pages of one match's hits, spread over all of them: small ones, and the largest that a node answers."""
    small, large = asyncio.run(_measured())
    progress(f"  {small:.1f} ms for {PAGE} hits, {large:.1f} ms for {HITS_A_PAGE}")
    yield Figure("hits.page", HITS, round(small, 3), "ms")
    yield Figure("hits.page.largest", HITS, round(large, 3), "ms")


async def _measured() -> tuple[float, float]:
    hits = tuple(HitView(source="5e" * 16, line=line, value=f"+4479{line:08d}") for line in range(HITS))
    with tempfile.TemporaryDirectory() as folder:
        parts = HitParts(BlobStore(Path(folder), StorageCipher(b"k" * STORAGE_KEY_SIZE)))
        await parts.keep(MATCH, hits)
        return await _median(parts, hits, PAGE), await _median(parts, hits, HITS_A_PAGE)


async def _median(parts: HitParts, hits: tuple[HitView, ...], size: int) -> float:
    """Milliseconds."""
    took = []
    for start in range(0, HITS - size + 1, (HITS - size) // REPEATED):
        began = time.perf_counter()
        page = await parts.page(MATCH, start, start + size)
        took.append((time.perf_counter() - began) * 1_000)
        if page != hits[start : start + size]:
            raise RuntimeError("a page is not a part of the list")
    return median(took)
