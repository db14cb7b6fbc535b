"""Checkpoints: the head of the log as a note's text (https://c2sp.org/tlog-checkpoint).

Three lines: origin, size, root. Extension lines are refused: nobody audits them, and this log has none.
"""

from dataclasses import dataclass
from typing import Final, Self

from tacita_protocol.crypto.encoding import b64, from_b64
from tacita_protocol.errors import MalformedMessage
from tacita_protocol.tlog.merkle import EMPTY_ROOT, HASH_BYTES, MAX_TREE_SIZE
from tacita_protocol.tlog.note import MAX_NAME_BYTES, decode_decimal

MAX_ORIGIN_BYTES: Final = MAX_NAME_BYTES


@dataclass(frozen=True)
class Checkpoint:
    """The log `origin` had `size` leaves under this 32-byte root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or not self.origin.isprintable() or len(self.origin.encode()) > MAX_ORIGIN_BYTES:
            raise MalformedMessage("the origin is empty, too long or not printable", field="origin")
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise MalformedMessage("size out of range", field="size")
        if len(self.root) != HASH_BYTES:
            raise MalformedMessage("the root is not 32 bytes", field="root")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise MalformedMessage("an empty tree has one root only", field="root")

    def text(self) -> str:
        """The note's text, with its final newline."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a note's text. Raises MalformedMessage, also for extension lines."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise MalformedMessage("expected origin, size and root, one line each", field="checkpoint")
        size = decode_decimal(lines[1], maximum=MAX_TREE_SIZE, field="size")
        return cls(lines[0], size, from_b64(lines[2], length=HASH_BYTES, field="root"))
