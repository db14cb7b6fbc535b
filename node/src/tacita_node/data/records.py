"""From a source's lines to sealed records: normalise, seal, and find again without opening."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacita_protocol.crypto.jcs import canonical_json, parse_json
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed, InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise
from tacita_protocol.psi.engine import Task

CHUNK_LINES = 2_000
"""Lines that one worker normalises at a time."""

TABLE = "records"
RECORD_VERSION = 1
MAX_SEALED_TEXT = 256 * 1024


@dataclass(frozen=True)
class Normalised:
    """What became of one field: its canonical form, or the reason why it has none."""

    canonical: str | None
    reason: str | None


@dataclass(frozen=True)
class RecordText:
    """What a record seals: the canonical form that is matched, and the text that stood in the source.

    `normaliser` is the version of the rules that made the one from the other.
    """

    normaliser: str
    canonical: str
    original: str


def normalise_chunk(kind: str, region: str | None, texts: Sequence[str]) -> list[Normalised]:
    """Normalises some fields of one kind. Runs in a worker: top-level, and everything it takes and gives is plain."""
    results = []
    for text in texts:
        try:
            results.append(Normalised(normalise(Kind(kind), text, region), None))
        except InvalidIdentifier as error:
            results.append(Normalised(None, str(error.reason)))
    return results


def normalising_tasks(kind: Kind, region: str | None, texts: Sequence[str]) -> list[Task]:
    """The work of normalising `texts`, in chunks; the results, joined in order, are one `Normalised` a text."""
    return [
        Task(normalise_chunk, (kind.value, region, tuple(texts[start : start + CHUNK_LINES])))
        for start in range(0, len(texts), CHUNK_LINES)
    ]


class RecordSealer:
    """Seals the records of one dataset and computes the keyed HMAC by which one is found again.

    The HMAC's purpose names dataset and kind, so that the same identifier in two datasets does not look the same.
    """

    def __init__(self, cipher: StorageCipher, *, dataset: str, kind: Kind) -> None:
        self._cipher = cipher
        self._purpose = f"record/{dataset}/{kind.value}"

    def lookup(self, canonical: str) -> bytes:
        """The name under which a canonical form is stored."""
        return self._cipher.lookup(canonical.encode(), purpose=self._purpose)

    def seal(self, text: RecordText, *, source: str, line: int) -> bytes:
        """Encrypts one record, bound to the line it came from."""
        plaintext = canonical_json([text.normaliser, text.canonical, text.original])
        return self._cipher.encrypt(plaintext, table=TABLE, row=f"{source}:{line}", version=RECORD_VERSION)

    def open(self, sealed: bytes, *, source: str, line: int, version: int) -> RecordText:
        """The record's text. Raises `DecryptionFailed` when it was changed or belongs to another line."""
        plaintext = self._cipher.decrypt(sealed, table=TABLE, row=f"{source}:{line}", version=version)
        match parse_json(plaintext, max_bytes=MAX_SEALED_TEXT):
            case [str(normaliser), str(canonical), str(original)]:
                return RecordText(normaliser, canonical, original)
            case _:
                raise DecryptionFailed("a record does not have the form of its version")
