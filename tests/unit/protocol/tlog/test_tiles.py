"""Tiles: the paths and widths of the specification, growth step by step, and reading back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import MalformedMessage, ProofInvalid
from tacita_protocol.tlog.merkle import consistency_proof, inclusion_proof, tree_root
from tacita_protocol.tlog.tiles import (
    TileReader,
    decode_entries,
    encode_entries,
    entries_path,
    tile_path,
    tile_width,
    tiles_for_growth,
)
from tests.support.memory_log import MemoryLog


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 0, 1, "tile/0/000.p/1"),
        (1, 999, 255, "tile/1/999.p/255"),
        (0, 1000, 256, "tile/0/x001/000"),
        (2, 1234067, 256, "tile/2/x001/x234/067"),
        (63, 1234067, 8, "tile/63/x001/x234/067.p/8"),
    ],
)
def test_tile_path(level: int, index: int, width: int, path: str) -> None:
    assert tile_path(level, index, width) == path


def test_entries_path() -> None:
    assert entries_path(1234067) == "tile/entries/x001/x234/067"
    assert entries_path(273, 112) == "tile/entries/273.p/112"


@pytest.mark.parametrize(("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_impossible_tile(level: int, index: int, width: int) -> None:
    with pytest.raises(ValueError, match="tile"):
        tile_path(level, index, width)


@pytest.mark.parametrize(
    ("size", "level", "index", "width"),
    [
        # The specification's example of 70,000 leaves, and of 256.
        (70_000, 0, 272, 256),
        (70_000, 0, 273, 112),
        (70_000, 0, 274, 0),
        (70_000, 1, 0, 256),
        (70_000, 1, 1, 17),
        (70_000, 2, 0, 1),
        (256, 0, 0, 256),
        (256, 1, 0, 1),
        (255, 1, 0, 0),
    ],
)
def test_tile_width(size: int, level: int, index: int, width: int) -> None:
    assert tile_width(level, index, size) == width


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6, unique=True).map(sorted), data=st.data())
def test_tiles_written_while_growing_serve_every_later_size(sizes: list[int], data: st.DataObject) -> None:
    log = MemoryLog()
    files: dict[str, bytes] = {}
    old = 0
    for size in sizes:
        while log.size < size:
            log.append(b"entry %d" % log.size)
        for path, data_bytes in tiles_for_growth(old, size, log.read):
            assert files.setdefault(path, data_bytes) == data_bytes, "a tile is never rewritten with other content"
        reader = TileReader(files.__getitem__, size)
        assert tree_root(size, reader) == log.checkpoint(size).root
        index = data.draw(st.integers(0, size - 1))
        assert inclusion_proof(index, size, reader) == inclusion_proof(index, size, log.read)
        if old:
            assert consistency_proof(old, size, reader) == log.consistency(old, size)
        old = size


def test_growth_writes_only_what_changed() -> None:
    log = MemoryLog()
    for i in range(300):
        log.append(b"%d" % i)
    assert [path for path, _ in tiles_for_growth(0, 256, log.read)] == ["tile/0/000", "tile/1/000.p/1"]
    assert [path for path, _ in tiles_for_growth(256, 300, log.read)] == ["tile/0/001.p/44"]
    assert [path for path, _ in tiles_for_growth(250, 300, log.read)] == [
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
    ]
    assert tiles_for_growth(300, 300, log.read) == []


def test_reader_refuses_what_the_tree_does_not_hold() -> None:
    reader = TileReader(lambda _path: bytes(32 * 3), 3)
    for level, index in [(0, 3), (1, 1), (2, 0), (-1, 0), (0, -1)]:
        with pytest.raises(ProofInvalid):
            reader(level, index)


@pytest.mark.parametrize("length", [0, 95, 97, 128, 8192])
def test_reader_refuses_tile_of_another_length(length: int) -> None:
    with pytest.raises(MalformedMessage):
        TileReader(lambda _path: bytes(length), 3)(0, 0)


@given(entries=st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_entry_bundle_round_trip(entries: list[bytes]) -> None:
    assert decode_entries(encode_entries(entries), width=len(entries)) == entries


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"", 1),
        (b"\x00", 1),
        (b"\x00\x02a", 1),
        (b"\x00\x01a", 2),
        (b"\x00\x01a\x00\x01b", 1),
        (b"\x00\x01a\x00", 1),
        (b"\xff\xff" + bytes(65534), 1),
    ],
)
def test_broken_entry_bundle(data: bytes, width: int) -> None:
    with pytest.raises(MalformedMessage):
        decode_entries(data, width=width)


def test_entry_longer_than_its_length_field() -> None:
    with pytest.raises(ValueError, match="65535"):
        encode_entries([bytes(65536)])
