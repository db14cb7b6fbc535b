"""The steps of an audit, in order. A step either proves its sentence or raises with its number."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from tacita_protocol.errors import ProtocolError
from tacita_sdk.errors import VerificationFailed
from tacita_sdk.verify.log_source import LogUnreadable


class AuditStep(Enum):
    """Number and name of each step."""

    TRUST_FILE = (1, "trust file")
    EXPORTS = (2, "exports")
    CHECKPOINT = (3, "checkpoint signature")
    COSIGNATURES = (4, "cosignatures")
    ENTRIES = (5, "entries")
    TILES = (6, "tiles")
    OLDER_TILES = (7, "older tiles")
    ENTRY_FORMAT = (8, "entry format")
    CARDS = (9, "cards")
    STATEMENTS = (10, "statements")
    RECEIPTS = (11, "receipts")
    LINKS = (12, "digest links")
    OPENINGS = (13, "opening entries")
    CLOSINGS = (14, "closing entries")
    TRANSCRIPTS = (15, "transcripts")
    DEADLINES = (16, "deadlines")
    CONSISTENCY = (17, "consistency")

    @property
    def number(self) -> int:
        """The step's number, from 1."""
        return self.value[0]

    @property
    def title(self) -> str:
        """The step's name."""
        return self.value[1]

    def failed(self, reason: str) -> VerificationFailed:
        """The error to raise when this step fails."""
        return VerificationFailed(self.number, self.title, reason)

    @contextmanager
    def checking(self, about: str = "") -> Iterator[None]:
        """Turns an error about foreign data into this step's failure; `about` says which piece of evidence."""
        try:
            yield
        except (ProtocolError, LogUnreadable) as error:
            raise self.failed(f"{about}: {error}" if about else str(error)) from error

    def proved(self, sentence: str) -> "Step":
        """The outcome of this step."""
        return Step(self.number, self.title, sentence)


@dataclass(frozen=True)
class Step:
    """A step that held: its number, its name, and what it proved, as a sentence for people."""

    number: int
    name: str
    proved: str
