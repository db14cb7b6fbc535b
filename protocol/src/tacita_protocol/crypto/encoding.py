"""Text encodings of binary values. Each value has exactly one accepted text, so text can be compared and signed."""

import base64
import binascii
import re

from tacita_protocol.errors import MalformedMessage

_B64U = re.compile(r"[A-Za-z0-9_-]*")
_B64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_HEX = re.compile(r"[0-9a-f]*")


def b64u(data: bytes) -> str:
    """Unpadded base64url (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_b64u(text: str, *, length: int | None = None, field: str = "base64url") -> bytes:
    """Decode unpadded base64url, the canonical text only.

    Args:
        text: characters of the URL-safe alphabet, without padding, line ends or spare bits.
        length: the exact number of bytes demanded, if any.
        field: the name that the error carries.

    Raises:
        MalformedMessage: any other text, or another length.
    """
    if not isinstance(text, str) or not _B64U.fullmatch(text) or len(text) % 4 == 1:
        raise MalformedMessage("not unpadded base64url", field=field)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return _checked(data, canonical=b64u(data) == text, length=length, field=field)


def b64(data: bytes) -> str:
    """Padded standard base64 (RFC 4648 section 4), for formats that demand it (DSSE, RFC 9421, signed notes)."""
    return base64.b64encode(data).decode("ascii")


def from_b64(text: str, *, length: int | None = None, field: str = "base64") -> bytes:
    """Decode padded standard base64, the canonical text only. Arguments and errors as for `from_b64u`."""
    if not isinstance(text, str) or not _B64.fullmatch(text):
        raise MalformedMessage("not padded base64", field=field)
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedMessage("not padded base64", field=field) from error
    return _checked(data, canonical=b64(data) == text, length=length, field=field)


def from_hex(text: str, *, length: int, field: str = "hex") -> bytes:
    """Decode exactly `length` bytes of lower-case hexadecimal.

    Raises:
        MalformedMessage: upper case, separators, or another length.
    """
    if not isinstance(text, str) or len(text) != 2 * length or not _HEX.fullmatch(text):
        raise MalformedMessage(f"not {length} bytes of lower-case hexadecimal", field=field)
    return bytes.fromhex(text)


def _checked(data: bytes, *, canonical: bool, length: int | None, field: str) -> bytes:
    if not canonical:  # spare bits that are not zero, or padding where none belongs
        raise MalformedMessage("not the canonical base64 of its bytes", field=field)
    if length is not None and len(data) != length:
        raise MalformedMessage(f"not {length} bytes", field=field)
    return data
