"""Blobs: whole or not there, encrypted, each in its place."""

import asyncio
from pathlib import Path

import pytest

from tacita_node.blobs import BlobMissing, BlobStore
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed

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
