"""From new entries to the files and the root of the larger tree. Pure: reads through `fetch`, writes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacita_protocol.tlog.merkle import SubtreeReader, leaf_hash, node_hash, tree_root
from tacita_protocol.tlog.tiles import TILE_WIDTH, TileReader, encode_entries, entries_path, tiles_for_growth


@dataclass(frozen=True)
class Growth:
    """The tree after some entries: its size and root, and every file that it needs and the old one did not."""

    size: int
    root: bytes
    files: tuple[tuple[str, bytes], ...]


def grow(size: int, fetch: Callable[[str], bytes], bundle: Sequence[bytes], entries: Sequence[bytes]) -> Growth:
    """Append `entries` to the tree of `size` leaves.

    Args:
        size: leaves before.
        fetch: reads a tile of the old tree.
        bundle: the entries of the old tree's last, incomplete bundle (`size % 256` of them).
        entries: the new entries, at least one.
    """
    if len(bundle) != size % TILE_WIDTH:
        raise ValueError("the incomplete bundle does not fit the size")
    new_size = size + len(entries)
    read = _extended(TileReader(fetch, size), size, [leaf_hash(entry) for entry in entries])
    files = tiles_for_growth(size, new_size, read)
    together = [*bundle, *entries]
    first = size // TILE_WIDTH
    for start in range(0, len(together), TILE_WIDTH):
        part = together[start : start + TILE_WIDTH]
        files.append((entries_path(first + start // TILE_WIDTH, len(part)), encode_entries(part)))
    return Growth(new_size, tree_root(new_size, read), tuple(files))


def _extended(old: SubtreeReader, size: int, leaves: Sequence[bytes]) -> SubtreeReader:
    """Subtrees of the old tree from its tiles, the others from the new leaves."""
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        if (index + 1) << level <= size:
            return old(level, index)
        if level == 0:
            return leaves[index - size]
        if (value := known.get((level, index))) is None:
            value = node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))
            known[level, index] = value
        return value

    return read
