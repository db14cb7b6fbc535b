"""Sealed records: how one is sealed, and found again without opening it."""

from dataclasses import dataclass

from tacita_protocol.crypto.jcs import canonical_json, parse_json
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.errors import DecryptionFailed
from tacita_protocol.identifiers.kind import Kind

TABLE = "records"
RECORD_VERSION = 1
MAX_SEALED_TEXT = 256 * 1024


@dataclass(frozen=True)
class RecordText:
    """What a record seals: the canonical form that is matched, and the text that stood in the source.

    `normaliser` is the version of the rules that made the one from the other.
    """

    normaliser: str
    canonical: str
    original: str


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
