"""What a dishonest broker could do to its log, done to a copy of it.

Two forgeries. The clumsy one changes an entry where it stands. The clever one takes an entry out, computes everything
anew and signs the result with the log's own key, which the broker has; the countersignatures of the witnesses it can
only copy.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import SubtreeReader, leaf_hash, root_of_leaves
from tacita_protocol.tlog.note import NoteSigner, compose, split_note
from tacita_protocol.tlog.tiles import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    decode_entries,
    encode_entries,
    entries_path,
    tile_width,
    tiles_for_growth,
)


def changed_in_place(log: Path, copy: Path, index: int) -> None:
    """Copy a log and change one character of the entry at `index`."""
    shutil.copytree(log, copy)
    entries = read_entries(copy)
    entry = bytearray(entries[index])
    middle = len(entry) // 2
    entry[middle] = ord("A") if entry[middle] != ord("A") else ord("B")
    entries[index] = bytes(entry)
    _write_entries(copy, entries)


def rewritten_without(log: Path, copy: Path, index: int, key: SigningKey) -> None:
    """Copy a log without the entry at `index`, with every hash computed anew and signed with the log's own key."""
    checkpoint, signatures = _checkpoint(log)
    entries = read_entries(log)
    del entries[index]
    leaves = [leaf_hash(entry) for entry in entries]
    _write_entries(copy, entries)
    for path, tile in tiles_for_growth(0, len(leaves), _subtrees(leaves)):
        _write(copy / path, tile)
    forged = Checkpoint(checkpoint.origin, len(leaves), root_of_leaves(leaves))
    signer = NoteSigner(checkpoint.origin, key)
    countersignatures = [line for line in signatures if not line.startswith(f"\u2014 {checkpoint.origin} ")]
    _write(copy / CHECKPOINT_PATH, compose(forged.text(), [signer.sign(forged.text()), *countersignatures]))


def read_entries(log: Path) -> list[bytes]:
    """Every entry of a log on disk."""
    size = _checkpoint(log)[0].size
    entries: list[bytes] = []
    for bundle in range(-(-size // TILE_WIDTH)):
        width = tile_width(0, bundle, size)
        entries += decode_entries((log / entries_path(bundle, width)).read_bytes(), width=width)
    return entries


def _write_entries(log: Path, entries: Sequence[bytes]) -> None:
    for first in range(0, len(entries), TILE_WIDTH):
        bundle = entries[first : first + TILE_WIDTH]
        _write(log / entries_path(first // TILE_WIDTH, len(bundle)), encode_entries(bundle))


def _checkpoint(log: Path) -> tuple[Checkpoint, list[str]]:
    text, signatures = split_note((log / CHECKPOINT_PATH).read_bytes())
    return Checkpoint.parse(text), signatures


def _subtrees(leaves: Sequence[bytes]) -> SubtreeReader:
    return lambda level, index: root_of_leaves(leaves[index << level : (index + 1) << level])


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
