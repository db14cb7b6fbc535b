"""The log as a whole: the newest checkpoint, every entry, every tile. All of them, not a sample."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.errors import ProofInvalid, ProtocolError
from tacita_protocol.statements.vocabulary import MAX_UNIX_TIME
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import open_card_entry, read_match_entry
from tacita_protocol.tlog.merkle import HASH_BYTES, leaf_hash, root_of_leaves, tree_root
from tacita_protocol.tlog.tiles import (
    CHECKPOINT_PATH,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileReader,
    decode_entries,
    decode_tile,
    entries_path,
    tile_path,
    tile_width,
)
from tacita_protocol.tlog.trust import TrustPolicy, VerifiedCheckpoint
from tacita_sdk.verify.log_source import LogSource
from tacita_sdk.verify.steps import AuditStep, Step

QUORUM_PATIENCE_SECONDS: Final = 10.0
"""How long a running log may take until its newest checkpoint has its quorum."""
_PAUSE_SECONDS: Final = 0.25

_STORED_PATH: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass
class VerifiedLog:
    """The log after steps 3 to 8: its head, its tiles by path, and the public entries in it."""

    head: VerifiedCheckpoint
    tiles: dict[str, bytes]
    public: set[tuple[str, Digest]] = field(default_factory=set)
    _reader: TileReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = TileReader(self.tiles.__getitem__, self.size)

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.head.checkpoint.size

    def require_entry(self, index: int, entry: bytes) -> None:
        """Raise ProofInvalid unless this log holds this entry at this index."""
        if self._reader(0, index) != leaf_hash(entry):
            raise ProofInvalid("the log holds another entry at this index")

    def require_prefix(self, checkpoint: Checkpoint) -> None:
        """Raise ProofInvalid unless this checkpoint is an earlier state of this log."""
        if checkpoint.size > self.size:
            raise ProofInvalid("a checkpoint that was seen is larger than the log")
        if tree_root(checkpoint.size, self._reader) != checkpoint.root:
            raise ProofInvalid("a checkpoint that was seen is not a state of this log: the log was forked or rewritten")


def verify_log(
    trust: TrustPolicy,
    source: LogSource,
    *,
    patience: float = QUORUM_PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[VerifiedLog, list[Step]]:
    """Steps 3 to 8. Waits up to `patience` seconds for the quorum of a running log. Raises VerificationFailed."""
    head, steps = _verify_head(trust, source, patience, sleep)
    size = head.checkpoint.size
    log = VerifiedLog(head, {})
    format_error = _verify_entries(log, source)
    steps.append(AuditStep.ENTRIES.proved(f"each of the {size} entries has its hash in a tile of level 0"))
    _verify_tiles(log, source)
    steps.append(
        AuditStep.TILES.proved(f"all {len(log.tiles)} tiles lead, level by level, to the root of the checkpoint")
    )
    older = _verify_older_tiles(log, source)
    steps.append(AuditStep.OLDER_TILES.proved(f"{older} older files agree with the tree"))
    if format_error is not None:
        index, error = format_error
        raise AuditStep.ENTRY_FORMAT.failed(f"entry {index}: {error}") from error
    steps.append(
        AuditStep.ENTRY_FORMAT.proved(
            f"{len(log.public)} distinct public entries; all match entries have one form and length"
        )
    )
    return log, steps


def _verify_head(
    trust: TrustPolicy, source: LogSource, patience: float, sleep: Callable[[float], None]
) -> tuple[VerifiedCheckpoint, list[Step]]:
    waited = 0.0
    while True:
        with AuditStep.CHECKPOINT.checking():
            note = source.read(CHECKPOINT_PATH)
            checkpoint = trust.check_log_signature(note)
        try:
            head = trust.check(note)
        except ProofInvalid as error:
            # A running log publishes a checkpoint first and collects its cosignatures then.
            if waited >= patience:
                raise AuditStep.COSIGNATURES.failed(str(error)) from error
        except ProtocolError as error:
            raise AuditStep.COSIGNATURES.failed(str(error)) from error
        else:
            return head, [
                AuditStep.CHECKPOINT.proved(f"the log signed its state of {checkpoint.size} entries"),
                AuditStep.COSIGNATURES.proved(
                    f"{len(head.cosigned_by)} of {len(trust.witnesses)} witnesses cosigned it, a quorum;"
                    f" the latest at {_utc(head.latest_cosign_time)}"
                ),
            ]
        sleep(_PAUSE_SECONDS)
        waited += _PAUSE_SECONDS


def _verify_entries(log: VerifiedLog, source: LogSource) -> tuple[int, ProtocolError] | None:
    """Every entry against the tiles of level 0; the first entry with a wrong form, to be reported in its own step."""
    format_error: tuple[int, ProtocolError] | None = None
    lengths: set[int] = set()
    for index in range(-(-log.size // TILE_WIDTH)):
        width = tile_width(0, index, log.size)
        about = f"tile {index} of level 0"
        with AuditStep.ENTRIES.checking(about):
            entries = decode_entries(source.read(entries_path(index, width)), width=width)
            tile = _read_tile(source, 0, index, width)
        for offset, entry in enumerate(entries):
            position = index * TILE_WIDTH + offset
            if leaf_hash(entry) != tile[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]:
                raise AuditStep.ENTRIES.failed(f"entry {position} does not have the hash that the tile holds")
            try:
                _note_entry(entry, log.public, lengths)
            except ProtocolError as error:
                format_error = format_error or (position, error)
        log.tiles[tile_path(0, index, width)] = tile
    return format_error


def _note_entry(entry: bytes, public: set[tuple[str, Digest]], lengths: set[int]) -> None:
    if b'"class":' in entry:
        opened = open_card_entry(entry)
        public.add((opened.type, opened.digest))
        return
    read_match_entry(entry)
    lengths.add(len(entry))
    if len(lengths) > 1:
        raise ProofInvalid("a match entry has another length than those before it")


def _verify_tiles(log: VerifiedLog, source: LogSource) -> None:
    """Every hash of a tile above level 0 against the full tile below it, and the root against the checkpoint."""
    level = 1
    while count := log.size >> (TILE_HEIGHT * level):
        for index in range(-(-count // TILE_WIDTH)):
            width = tile_width(level, index, log.size)
            with AuditStep.TILES.checking(f"tile {index} of level {level}"):
                tile = _read_tile(source, level, index, width)
                for offset, value in enumerate(decode_tile(tile, width=width)):
                    below = log.tiles[tile_path(level - 1, index * TILE_WIDTH + offset)]
                    if root_of_leaves(decode_tile(below, width=TILE_WIDTH)) != value:
                        raise ProofInvalid("a hash is not that of the tile below it")
            log.tiles[tile_path(level, index, width)] = tile
        level += 1
    if tree_root(log.size, TileReader(log.tiles.__getitem__, log.size)) != log.head.checkpoint.root:
        raise AuditStep.TILES.failed("the tiles lead to another root than the checkpoint's")


def _verify_older_tiles(log: VerifiedLog, source: LogSource) -> int:
    """Stored files that the tree no longer needs must say the same as those that it needs; how many there are."""
    older = 0
    with AuditStep.OLDER_TILES.checking():
        for path in source.stored_paths():
            match = _STORED_PATH.fullmatch(path)
            if match is None:
                continue  # not a file of the format: a temporary one, or an editor's
            kind, number, partial = match.groups()
            index = int(number.replace("x", "").replace("/", ""))
            level = 0 if kind == "entries" else int(kind)
            current = tile_width(level, index, log.size)
            width = int(partial) if partial else TILE_WIDTH
            if width == current or width > TILE_WIDTH or current == 0:
                continue  # verified already, or beyond the checkpoint: the log has grown meanwhile
            about = f"{'bundle' if kind == 'entries' else 'tile'} {index} of width {width}"
            with AuditStep.OLDER_TILES.checking(about):
                data = source.read(path)
                if kind == "entries":
                    data = b"".join(map(leaf_hash, decode_entries(data, width=width)))
                decode_tile(data, width=width)
                common = min(width, current) * HASH_BYTES
                if data[:common] != log.tiles[tile_path(level, index, current)][:common]:
                    raise ProofInvalid("it contradicts the newest one")
            older += 1
    return older


def _utc(time: int) -> str:
    """Unix seconds for people. A witness may say any time, also one that no calendar has."""
    if time > MAX_UNIX_TIME:
        return "a time after the year 9999"
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _read_tile(source: LogSource, level: int, index: int, width: int) -> bytes:
    tile = source.read(tile_path(level, index, width))
    decode_tile(tile, width=width)
    return tile
