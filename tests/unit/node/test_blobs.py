"""Blobs: whole or not there, encrypted, each in its place."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacita_node.blobs import BlobMissing, BlobStore
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed

SEALED_BYTES = 1 + 12 + 16
"""What an encrypted record has more than its plaintext: version, nonce, tag."""
DATA = b"a source file with +447911123456 in it"


def store(root: Path, key: bytes = b"k" * 32) -> BlobStore:
    return BlobStore(root / "blobs", StorageCipher(key))


def test_what_was_put_is_got(tmp_path: Path) -> None:
    async def scene() -> None:
        blobs = store(tmp_path)
        await blobs.put("sources", "one", b"")
        await blobs.put("sources", "one", DATA)
        assert await blobs.get("sources", "one") == DATA
        assert await blobs.names("sources") == ["one"]
        assert (await blobs.has("sources", "one"), await blobs.has("sources", "two")) == (True, False)
        await blobs.delete("sources", "one")
        await blobs.delete("sources", "one")
        with pytest.raises(BlobMissing):
            await blobs.get("sources", "one")

    asyncio.run(scene())


def test_what_a_crash_left_half_written_is_forgotten(tmp_path: Path) -> None:
    async def scene() -> None:
        blobs = store(tmp_path)
        await blobs.forget_unfinished()
        await blobs.put("sources", "one", DATA)
        (tmp_path / "blobs" / "sources" / "~0123456789abcdef").write_bytes(b"half")
        await blobs.forget_unfinished()
        assert [path.name for path in (tmp_path / "blobs" / "sources").iterdir()] == ["one"]

    asyncio.run(scene())


def test_files_are_private_and_encrypted(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path).put("sources", "one", DATA))
    [file] = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.stat().st_mode & 0o077 == 0
    assert b"447911" not in file.read_bytes()


@pytest.mark.parametrize(("namespace", "name"), [("sources", "two"), ("epochs", "one")])
def test_a_blob_does_not_open_elsewhere(tmp_path: Path, namespace: str, name: str) -> None:
    async def scene() -> None:
        blobs = store(tmp_path)
        await blobs.put("sources", "one", DATA)
        await blobs.put(namespace, name, DATA)
        (tmp_path / "blobs" / namespace / name).write_bytes((tmp_path / "blobs" / "sources" / "one").read_bytes())
        with pytest.raises(DecryptionFailed):
            await blobs.get(namespace, name)

    asyncio.run(scene())


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path).put("sources", "one", DATA))
    with pytest.raises(DecryptionFailed):
        asyncio.run(store(tmp_path, b"x" * 32).get("sources", "one"))


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("sources", "../keys.sealed"),
        ("..", "x"),
        ("sources", ""),
        ("sources", ".hidden"),
        ("sources", "A"),
        ("s/x", "y"),
    ],
)
def test_names_cannot_leave_the_store(tmp_path: Path, namespace: str, name: str) -> None:
    with pytest.raises(ValueError, match="a blob's namespace"):
        asyncio.run(store(tmp_path).put(namespace, name, DATA))
    assert not (tmp_path / "blobs").exists()


def test_a_failed_write_leaves_the_old_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(store(tmp_path).put("sources", "one", b"old"))

    def fails(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        asyncio.run(store(tmp_path).put("sources", "one", b"new"))
    monkeypatch.undo()
    assert asyncio.run(store(tmp_path).get("sources", "one")) == b"old"
    assert [path.name for path in (tmp_path / "blobs" / "sources").iterdir()] == ["one"]


PARTS = [b"first", b"", b"the third, with +447911123456 in it"]


def test_a_part_is_read_without_the_others(tmp_path: Path) -> None:
    """All bytes of the other parts are spoilt: whoever opened one of them would fail."""

    async def scene() -> None:
        blobs = store(tmp_path)
        file = tmp_path / "blobs" / "results" / "one"
        for number, part in enumerate(PARTS):
            await blobs.put_parts("results", "one", iter(PARTS))
            data = bytearray(file.read_bytes())
            assert b"447911" not in data
            size = [len(part) + SEALED_BYTES for part in PARTS]
            start = sum(size[:number])
            for at in (*range(start), *range(start + size[number], sum(size))):
                data[at] ^= 1
            file.write_bytes(data)
            assert await blobs.part("results", "one", number) == part
            for other in {0, 1, 2} - {number}:
                with pytest.raises(DecryptionFailed):
                    await blobs.part("results", "one", other)
        assert await blobs.names("results") == ["one"]

    asyncio.run(scene())


def test_a_part_that_is_not_there_is_missed(tmp_path: Path) -> None:
    async def scene() -> None:
        blobs = store(tmp_path)
        await blobs.put_parts("results", "one", iter(PARTS))
        await blobs.put_parts("results", "none", iter(()))
        for name, number in (("one", 3), ("one", 2**40), ("one", -1), ("none", 0), ("two", 0)):
            with pytest.raises(BlobMissing):
                await blobs.part("results", name, number)

    asyncio.run(scene())


def test_parts_cannot_be_exchanged_or_left_out(tmp_path: Path) -> None:
    async def scene() -> None:
        blobs = store(tmp_path)
        await blobs.put_parts("results", "one", [b"aaaa", b"bbbb"])
        file = tmp_path / "blobs" / "results" / "one"
        data = file.read_bytes()
        sealed = len(b"aaaa") + SEALED_BYTES
        first, second, table = data[:sealed], data[sealed : 2 * sealed], data[2 * sealed :]
        assert table == b"".join(number.to_bytes(8, "big") for number in (sealed, 2 * sealed, 2))
        file.write_bytes(second + first + table)
        for number in (0, 1):
            with pytest.raises(DecryptionFailed):
                await blobs.part("results", "one", number)
        (tmp_path / "blobs" / "results" / "two").write_bytes(data)
        with pytest.raises(DecryptionFailed):
            await blobs.part("results", "two", 0)
        for spoilt in (b"", b"short", first + second, data[:-1], data + b"x", b"\xff" * 64, bytes(8 * 3) + b"\xff" * 8):
            file.write_bytes(spoilt)
            with pytest.raises((DecryptionFailed, BlobMissing)):
                await blobs.part("results", "one", 1)

    asyncio.run(scene())


def test_parts_that_fail_on_the_way_leave_the_old_blob(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"new"
        raise OSError(28, "No space left on device")

    async def scene() -> None:
        blobs = store(tmp_path)
        await blobs.put_parts("results", "one", [b"old"])
        with pytest.raises(OSError, match="No space"):
            await blobs.put_parts("results", "one", broken())
        assert await blobs.part("results", "one", 0) == b"old"
        assert [path.name for path in (tmp_path / "blobs" / "results").iterdir()] == ["one"]

    asyncio.run(scene())
