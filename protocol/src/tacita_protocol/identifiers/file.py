"""Files: the SHA-256 (FIPS 180-4) of their bytes, as 64 hexadecimal digits in lower case."""

import re

from tacita_protocol.crypto.digest import sha256
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.spelling import plain_spelling

MAX_LENGTH = 256
"""Characters of a digest as written: pairs with separators, and the name of the algorithm."""

_LABEL = re.compile(r"^(?:urn:)?sha-?2?-?256\s*[:=]?\s*(?=[0-9a-f])")
_SEPARATORS = re.compile(r"[ :-]")
_HEX = re.compile(r"[0-9a-f]+")
_OTHER_DIGESTS = frozenset({32, 40, 56, 96, 128})  # MD5, SHA-1, SHA-224, SHA-384, SHA-512
_EMPTY_FILE = sha256(b"").hex()


def normalise(text: str, region: str | None) -> str:  # noqa: ARG001 - one signature for all kinds
    """The digest of a file as 64 lower-case hexadecimal digits.

    Args:
        text: the SHA-256 in hexadecimal: capitals, pairs separated by spaces, colons or hyphens, `0x`, `sha256:`.
        region: not used.

    Raises:
        InvalidIdentifier: with one `RejectionReason`. Digests of other algorithms are refused: from an MD5 nobody can
            find the SHA-256.
    """
    plain = plain_spelling(text, max_length=MAX_LENGTH)
    if not plain.isascii():  # before lower(), which turns the Kelvin sign into a k
        raise InvalidIdentifier("not written as a digest", reason=RejectionReason.NOT_OF_THE_KIND)
    digits = _SEPARATORS.sub("", _LABEL.sub("", plain.lower()).removeprefix("0x"))
    if not _HEX.fullmatch(digits):
        raise InvalidIdentifier("not written as a digest", reason=RejectionReason.NOT_OF_THE_KIND)
    if len(digits) in _OTHER_DIGESTS:
        raise InvalidIdentifier("a digest of another algorithm than SHA-256", reason=RejectionReason.UNSUPPORTED)
    if len(digits) != len(_EMPTY_FILE):
        raise InvalidIdentifier("a SHA-256 has 64 hexadecimal digits", reason=RejectionReason.INVALID)
    return _of_a_file(digits)


def of_bytes(content: bytes) -> str:
    """The canonical form of the file with this content.

    Raises:
        InvalidIdentifier: there is no content: everybody has the empty file.
    """
    return _of_a_file(sha256(content).hex())


def _of_a_file(digits: str) -> str:
    if digits == _EMPTY_FILE or len(set(digits)) == 1:
        raise InvalidIdentifier("a placeholder: the empty file, or one repeated digit", reason=RejectionReason.INVALID)
    return digits
