"""The blob store keeps to its folder and its promises."""

import asyncio
from pathlib import Path

import pytest

from tacita_broker.blobs import BlobMissing, BlobStore


def test_what_is_put_can_be_fetched_and_replaced(tmp_path: Path) -> None:
    async def run() -> list[bytes]:
        blobs = BlobStore(tmp_path)
        await blobs.put("match", "requester-0", b"one")
        first = await blobs.get("match", "requester-0")
        await blobs.put("match", "requester-0", b"two")
        return [first, await blobs.get("match", "requester-0")]

    assert asyncio.run(run()) == [b"one", b"two"]
    assert [path.name for path in (tmp_path / "match").iterdir()] == ["requester-0"]


def test_deleting_leaves_nothing_behind(tmp_path: Path) -> None:
    async def run() -> None:
        blobs = BlobStore(tmp_path)
        await blobs.put("a", "one", b"1")
        await blobs.put("a", "two", b"2")
        await blobs.delete("a", "one")
        with pytest.raises(BlobMissing):
            await blobs.get("a", "one")
        await blobs.delete_folder("a")
        await blobs.delete_folder("a")
        await blobs.put("b", "one", b"1")
        await blobs.delete("b", "one")

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_putting_the_same_blob_at_once_fails_nobody(tmp_path: Path) -> None:
    """A partner that repeats a request while the first is still under way."""

    async def run() -> None:
        blobs = BlobStore(tmp_path)
        for _ in range(5):
            await asyncio.gather(*(blobs.put("match", "requester-0", b"frame" * 2_000) for _ in range(4)))

    asyncio.run(run())
    assert [path.name for path in (tmp_path / "match").iterdir()] == ["requester-0"]


def test_a_folder_can_be_removed_while_blobs_are_put_into_it(tmp_path: Path) -> None:
    """A partner that goes on sending frames while its match closes: the failure would end the broker."""

    async def run() -> None:
        blobs = BlobStore(tmp_path)
        for _ in range(10):
            puts = [blobs.put("match", f"requester-{number}", b"frame") for number in range(6)]
            await asyncio.gather(*puts, blobs.delete_folder("match"))
        await blobs.delete_folder("match")

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", ".hidden", "a" * 65, "a\n"])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="a blob's name"):
        asyncio.run(BlobStore(tmp_path).put("match", name, b""))
    with pytest.raises(ValueError, match="a blob's name"):
        asyncio.run(BlobStore(tmp_path).delete_folder(name))
