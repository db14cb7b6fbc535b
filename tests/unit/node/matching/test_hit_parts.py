"""Hits on the disk: each page is what it was when all hits were one list, and only its own parts are read."""

import asyncio
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from tacita_node.blobs import BlobMissing, BlobStore
from tacita_node.matching.hit_parts import HITS_A_PART, NAMESPACE, HitParts
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed
from tacita_sdk.node_api import HitView

MATCH = "c9" * 16
COUNT = 3 * HITS_A_PART + 10
HITS = tuple(HitView(source="5e" * 16, line=line, value=f"value {line}") for line in range(COUNT))
PAGES = [
    (0, 10),
    (0, COUNT),
    (HITS_A_PART - 1, HITS_A_PART + 1),
    (HITS_A_PART, 2 * HITS_A_PART),
    (COUNT - 1, COUNT),
    (5, 5),
    (COUNT, COUNT),
]


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path, StorageCipher(b"k" * 32))


@pytest.mark.parametrize(("start", "end"), PAGES)
def test_a_page_is_a_part_of_the_list(blobs: BlobStore, start: int, end: int) -> None:
    async def scene() -> None:
        parts = HitParts(blobs)
        await parts.keep(MATCH, iter(HITS))
        assert await parts.page(MATCH, start, end) == HITS[start:end]

    asyncio.run(scene())


def test_only_the_parts_of_a_page_are_read(blobs: BlobStore, tmp_path: Path) -> None:
    async def scene() -> None:
        parts = HitParts(blobs)
        await parts.keep(MATCH, iter(HITS))
        file = tmp_path / NAMESPACE / f"{MATCH}.parts"
        data = bytearray(file.read_bytes())
        data[0] ^= 1  # in the first part
        file.write_bytes(data)
        assert await parts.page(MATCH, HITS_A_PART, COUNT) == HITS[HITS_A_PART:]
        with pytest.raises(DecryptionFailed):
            await parts.page(MATCH, HITS_A_PART - 1, HITS_A_PART + 1)

    asyncio.run(scene())


@pytest.mark.parametrize(("start", "end"), PAGES)
def test_what_older_nodes_kept_in_one_piece_is_read_too(blobs: BlobStore, start: int, end: int) -> None:
    async def scene() -> None:
        await blobs.put(NAMESPACE, MATCH, TypeAdapter(tuple[HitView, ...]).dump_json(HITS))
        assert await HitParts(blobs).page(MATCH, start, end) == HITS[start:end]

    asyncio.run(scene())


def test_nothing_is_left_of_what_is_discarded_whoever_kept_it(blobs: BlobStore) -> None:
    async def scene() -> None:
        parts, other = HitParts(blobs), "ab" * 16
        await parts.keep(MATCH, HITS)
        await parts.keep(other, HITS[:1])
        await blobs.put(NAMESPACE, MATCH, b"[]")
        for _ in range(2):
            await parts.discard(MATCH)
        assert await blobs.names(NAMESPACE) == [f"{other}.parts"]
        with pytest.raises(BlobMissing):
            await parts.page(MATCH, 0, 1)

    asyncio.run(scene())


def test_no_hits_are_kept_as_none(blobs: BlobStore) -> None:
    async def scene() -> None:
        parts = HitParts(blobs)
        await parts.keep(MATCH, ())
        assert await parts.page(MATCH, 0, 0) == ()
        assert await blobs.names(NAMESPACE) == [f"{MATCH}.parts"]

    asyncio.run(scene())
