"""The log as files: C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

A hash tile at level L holds up to 256 hashes of complete subtrees of 2^(8 L) leaves; an entry bundle holds up to 256
entries. Everything is immutable, and a partial tile (`.p/<width>`) is never hashed into the level above.
"""

from collections.abc import Callable, Sequence
from typing import Final

from tacita_protocol.errors import MalformedMessage, ProofInvalid
from tacita_protocol.tlog.merkle import HASH_BYTES, SubtreeReader, root_of_leaves

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
MAX_ENTRY_BYTES: Final = 2**16 - 1
CHECKPOINT_PATH: Final = "checkpoint"
_CACHED_TILES: Final = 64


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where the hash tile lies below the log's prefix, for example `tile/0/x001/067` or `tile/0/000.p/3`."""
    if not 0 <= level <= 63:
        raise ValueError("a tile level lies between 0 and 63")
    return f"tile/{level}/{_number(index)}{_partial(width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Where the entry bundle lies below the log's prefix, for example `tile/entries/000.p/3`."""
    return f"tile/entries/{_number(index)}{_partial(width)}"


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile holds in a tree of `size` leaves: 0 when there is no such tile, 256 when full.

    Entry bundles have the width of the level 0 tile with their index.
    """
    return max(0, min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH))


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry after its length as two bytes, big-endian."""
    if not 1 <= len(entries) <= TILE_WIDTH or any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError("a bundle holds 1 to 256 entries of at most 65535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes, *, width: int) -> list[bytes]:
    """The entries of a bundle that must hold exactly `width`. Raises MalformedMessage."""
    entries: list[bytes] = []
    offset = 0
    while offset < len(data):
        if len(entries) == width or offset + 2 > len(data):
            raise MalformedMessage("bytes after the last entry", field="entries")
        start = offset + 2
        offset = start + int.from_bytes(data[offset:start], "big")
        if offset > len(data):
            raise MalformedMessage("an entry is cut off", field="entries")
        entries.append(data[start:offset])
    if len(entries) != width:
        raise MalformedMessage("fewer entries than its width", field="entries")
    return entries


def decode_tile(data: bytes, *, width: int) -> list[bytes]:
    """The hashes of a tile that must hold exactly `width`. Raises MalformedMessage."""
    if len(data) != width * HASH_BYTES:
        raise MalformedMessage("the length does not fit its width", field="tile")
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def tiles_for_growth(old_size: int, new_size: int, read: SubtreeReader) -> list[tuple[str, bytes]]:
    """The hash tiles to write when the tree grows: every tile that gains hashes, at its new width, lowest level first.

    `read` must answer for the tree of `new_size` leaves. Partial tiles of the old size stay where they are.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError("a log only grows")
    tiles: list[tuple[str, bytes]] = []
    level = 0
    while new_count := new_size >> (TILE_HEIGHT * level):
        old_count = old_size >> (TILE_HEIGHT * level)
        if old_count < new_count:
            for index in range(old_count // TILE_WIDTH, (new_count - 1) // TILE_WIDTH + 1):
                width = tile_width(level, index, new_size)
                first = index * TILE_WIDTH
                hashes = [read(TILE_HEIGHT * level, first + i) for i in range(width)]
                tiles.append((tile_path(level, index, width), b"".join(hashes)))
        level += 1
    return tiles


class TileReader:
    """A SubtreeReader over tiles, for a tree of one size: it fetches whole tiles and hashes the levels between them.

    What it reads is only as true as the tiles: compare the root that comes out with a signed checkpoint.
    """

    def __init__(self, fetch: Callable[[str], bytes], size: int) -> None:
        """`fetch` answers a path below the log's prefix with the file's bytes."""
        self._fetch = fetch
        self._size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree. Raises ProofInvalid outside the tree, MalformedMessage for a bad tile."""
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise ProofInvalid("the tree holds no such complete subtree")
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, offset = divmod(index << height, TILE_WIDTH)
        hashes = self._tile(tile_level, tile_index)[offset : offset + (1 << height)]
        return root_of_leaves(hashes)

    def _tile(self, level: int, index: int) -> list[bytes]:
        if (tile := self._tiles.get((level, index))) is None:
            width = tile_width(level, index, self._size)
            tile = decode_tile(self._fetch(tile_path(level, index, width)), width=width)
            if len(self._tiles) >= _CACHED_TILES:
                self._tiles.pop(next(iter(self._tiles)))
            self._tiles[level, index] = tile
        return tile


def _number(index: int) -> str:
    if index < 0:
        raise ValueError("a tile index is not negative")
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    if not 1 <= width <= TILE_WIDTH:
        raise ValueError("a tile holds 1 to 256 hashes")
    return "" if width == TILE_WIDTH else f".p/{width}"
