"""Checking a whole log: what `tacita-broker log check` does. Raises at the first thing that is wrong.

It reads the files of the newest tree. Partial files of older trees, which stay for slow readers, are looked at by
`tacita audit verify` only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from tacita_broker.errors import LogDamaged, LogRolledBack
from tacita_broker.log.files import LogFiles, read_checkpoint
from tacita_broker.log.store import LogStore
from tacita_broker.log.tables import LogCheckpointRow
from tacita_broker.storage import Database
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.merkle import leaf_hash, root_of_leaves
from tacita_protocol.tlog.note import NoteVerifier, open_note
from tacita_protocol.tlog.tiles import TILE_WIDTH, decode_entries, entries_path, tile_width, tiles_for_growth


@dataclass(frozen=True)
class CheckedStep:
    """A step that held."""

    number: int
    proved: str


async def check_log(database: Database, files: LogFiles, verifier: NoteVerifier) -> list[CheckedStep]:
    """Check database and files of a log against each other. Safe while the broker runs.

    Raises `LogDamaged` or `LogRolledBack`, naming the step.
    """
    steps: list[CheckedStep] = []

    def held(proved: str) -> None:
        steps.append(CheckedStep(len(steps) + 1, proved))

    # Read in this order, a running broker cannot make them contradict each other: what witnesses were asked for had
    # been published before, and what is published had been stored before.
    async with database.read() as session:
        notes = list(await session.scalars(select(LogCheckpointRow.note)))
    # 1. The published checkpoint is signed by the log.
    note = files.published()
    if note is None:
        raise LogDamaged("step 1: there is no published checkpoint")
    try:
        open_note(note, [verifier])
    except ProtocolError:
        raise LogDamaged("step 1: the published checkpoint is not signed by the log") from None
    published = read_checkpoint(note)
    if published.origin != verifier.name:
        raise LogDamaged("step 1: the published checkpoint is of another log")
    held(f"the published checkpoint of size {published.size} is signed by the log")
    # 2. The database knows it.
    store = LogStore(database)
    head = await store.head()
    if head.size < published.size:
        raise LogRolledBack("step 2: the published log is larger than the stored one")
    held(f"the stored log of size {head.size} is not behind it")
    # 3. Each bundle holds the database's entries, and their leaves have the published root.
    leaves: list[bytes] = []
    for index in range(-(-published.size // TILE_WIDTH)):
        width = tile_width(0, index, published.size)
        start = index * TILE_WIDTH
        try:
            bundle = decode_entries(files.read(entries_path(index, width)), width=width)
        except ProtocolError:
            raise LogDamaged("step 3: an entry bundle is not readable") from None
        if bundle != await store.entries(start, start + width):
            raise LogDamaged("step 3: an entry bundle does not hold the stored entries")
        leaves += [leaf_hash(entry) for entry in bundle]
    if root_of_leaves(leaves) != published.root:
        raise LogDamaged("step 3: the entries do not have the published root")
    held(f"{published.size} entries have the published root")
    # 4. Each hash tile is what the entries make it.
    count = 0
    for path, data in _tiles(leaves):
        if files.read(path) != data:
            raise LogDamaged("step 4: a tile does not hold the hashes of its entries")
        count += 1
    held(f"{count} tiles hold the hashes of these entries")
    # 5. Each checkpoint that witnesses saw is a prefix of this log.
    for text in notes:
        seen = read_checkpoint(text.encode())
        if seen.size > published.size or root_of_leaves(leaves[: seen.size]) != seen.root:
            raise LogDamaged("step 5: a checkpoint given to witnesses is not a prefix of the log")
    held(f"{len(notes)} checkpoints given to witnesses are prefixes of the log")
    return steps


def _tiles(leaves: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Every hash tile of the tree, full and partial."""
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        if (value := known.get((level, index))) is None:
            value = root_of_leaves(leaves[index << level : (index + 1) << level])
            known[level, index] = value
        return value

    yield from tiles_for_growth(0, len(leaves), read)
