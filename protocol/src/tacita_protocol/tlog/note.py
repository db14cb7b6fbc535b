"""Signed notes (https://c2sp.org/signed-note) and Ed25519 witness cosignatures (https://c2sp.org/tlog-cosignature).

A note is a text and, after its last blank line, one signature a line: `— <name> base64(key id || signature)`. Two kinds
of signature are known here: 01, the log's Ed25519 over the text, and 04, a witness's Ed25519 over a time and the text.
A line of an unknown key is ignored; a line of a known key must verify, or the whole note is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from tacita_protocol.crypto.digest import sha256
from tacita_protocol.crypto.encoding import b64, from_b64
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, SignatureInvalid

KIND_LOG: Final = 0x01
KIND_COSIGNATURE: Final = 0x04
MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 16
MAX_NAME_BYTES: Final = 255
MAX_TIMESTAMP: Final = 2**63 - 1

_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_SIGNATURE_LINE: Final = re.compile(r"— (\S+) (\S+)")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class NoteVerifier:
    """A public key that may sign notes: its name, its kind (01 log, 04 cosignature) and the key."""

    name: str
    kind: int
    key: VerifyKey

    def __post_init__(self) -> None:
        _require_name(self.name)
        if self.kind not in (KIND_LOG, KIND_COSIGNATURE):
            raise MalformedMessage("unknown signature type", field="vkey")

    @classmethod
    def from_vkey(cls, text: str) -> Self:
        """From `name+hex(key id)+base64(type || key)`. Raises MalformedMessage, also for a key id that does not fit."""
        name, separator, rest = text.partition("+")
        keyid, second, encoded = rest.partition("+")
        if not separator or not second:
            raise MalformedMessage("expected name+keyid+key", field="vkey")
        raw = from_b64(encoded, length=1 + _KEY_BYTES, field="vkey")
        verifier = cls(name, raw[0], VerifyKey.from_raw(raw[1:]))
        if keyid != verifier.keyid.hex():
            raise MalformedMessage("the key id does not belong to the key", field="vkey")
        return verifier

    @property
    def keyid(self) -> bytes:
        """The first 4 bytes of SHA-256(name || 0A || type || key)."""
        return sha256(self.name.encode(), b"\n", bytes([self.kind]), self.key.raw)[:4]

    @property
    def vkey(self) -> str:
        """The text that `from_vkey` reads."""
        return f"{self.name}+{self.keyid.hex()}+{b64(bytes([self.kind]) + self.key.raw)}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """Check one signature (without key id) over a note's text; a cosignature's time, None for a log's.

        Raises SignatureInvalid.
        """
        if self.kind == KIND_LOG:
            self.key.verify(signature, text.encode())
            return None
        if len(signature) != 8 + _SIGNATURE_BYTES:
            raise SignatureInvalid("note: a cosignature has the wrong length")
        timestamp = int.from_bytes(signature[:8], "big")
        if timestamp > MAX_TIMESTAMP:
            raise SignatureInvalid("note: a cosignature's time is out of range")
        self.key.verify(signature[8:], _cosigned_message(text, timestamp))
        return timestamp


class NoteSigner:
    """Signs notes as a log (kind 01). The name is the log's origin."""

    def __init__(self, name: str, key: SigningKey) -> None:
        self.verifier = NoteVerifier(name, KIND_LOG, key.verify_key)
        self._key = key

    @property
    def name(self) -> str:
        """The key's name."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public key as text."""
        return self.verifier.vkey

    def sign(self, text: str) -> str:
        """The signature line (without newline) over a note's text."""
        _require_text(text)
        return _signature_line(self.verifier, self._key.sign(text.encode()))


class CosignatureSigner:
    """Cosigns checkpoints as a witness (kind 04).

    One key serves one name only: the signed message does not bind the name. Whoever calls `cosign` has already checked
    consistency and stored the checkpoint.
    """

    def __init__(self, name: str, key: SigningKey) -> None:
        self.verifier = NoteVerifier(name, KIND_COSIGNATURE, key.verify_key)
        self._key = key

    @property
    def name(self) -> str:
        """The key's name."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public key as text."""
        return self.verifier.vkey

    def cosign(self, text: str, now: int) -> str:
        """The signature line (without newline) over a checkpoint's text at unix time `now`."""
        _require_text(text)
        if not 0 < now <= MAX_TIMESTAMP:
            raise ValueError("the time of a cosignature must be positive")
        signature = self._key.sign(_cosigned_message(text, now))
        return _signature_line(self.verifier, now.to_bytes(8, "big") + signature)


@dataclass(frozen=True)
class VerifiedSignature:
    """A signature that verified: the key that made it, and a cosignature's time."""

    verifier: NoteVerifier
    timestamp: int | None

    @property
    def name(self) -> str:
        """The key's name."""
        return self.verifier.name


@dataclass(frozen=True)
class OpenedNote:
    """A note of which at least one known signature verified."""

    text: str
    verified: tuple[VerifiedSignature, ...]


def compose(text: str, lines: Sequence[str]) -> bytes:
    """The note of this text and these signature lines. Raises LimitExceeded for more than 16 lines."""
    _require_text(text)
    if len(lines) > MAX_SIGNATURES:
        raise LimitExceeded("note: too many signatures")
    if not lines:
        raise ValueError("a note carries at least one signature")
    for line in lines:
        _parse_signature_line(line)
    return "".join([text, "\n", *(f"{line}\n" for line in lines)]).encode()


def split_note(note: bytes) -> tuple[str, list[str]]:
    """The text and the signature lines of a note, nothing verified. Raises MalformedMessage or LimitExceeded."""
    if len(note) > MAX_NOTE_BYTES:
        raise LimitExceeded("note: too long")
    try:
        decoded = note.decode()
    except UnicodeDecodeError:
        raise MalformedMessage("not UTF-8", field="note") from None
    if any(character < " " and character != "\n" for character in decoded):
        raise MalformedMessage("control character", field="note")
    body, separator, signatures = decoded.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise MalformedMessage("no signature after a blank line", field="note")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise LimitExceeded("note: too many signatures")
    return f"{body}\n", lines


def open_note(note: bytes, verifiers: Sequence[NoteVerifier]) -> OpenedNote:
    """Verify a note against the known keys.

    Each key counts once, with its latest time. Raises MalformedMessage, LimitExceeded, or SignatureInvalid when a known
    key's signature is bad or no known key has signed.
    """
    known = {(verifier.name, verifier.keyid): verifier for verifier in verifiers}
    text, lines = split_note(note)
    verified: dict[tuple[str, bytes], VerifiedSignature] = {}
    for line in lines:
        name, blob = _parse_signature_line(line)
        identity = (name, blob[:4])
        if (verifier := known.get(identity)) is None:
            continue
        signature = VerifiedSignature(verifier, verifier.verify(text, blob[4:]))
        earlier = verified.get(identity)
        if earlier is None or (signature.timestamp or 0) > (earlier.timestamp or 0):
            verified[identity] = signature
    if not verified:
        raise SignatureInvalid("note: no signature of a known key")
    return OpenedNote(text, tuple(verified.values()))


def decode_decimal(text: str, *, maximum: int, field: str) -> int:
    """An ASCII decimal without leading zeroes. Raises MalformedMessage."""
    if not _DECIMAL.fullmatch(text) or int(text) > maximum:
        raise MalformedMessage("not a decimal in range", field=field)
    return int(text)


def _cosigned_message(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _signature_line(verifier: NoteVerifier, signature: bytes) -> str:
    return f"— {verifier.name} {b64(verifier.keyid + signature)}"


def _parse_signature_line(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise MalformedMessage("a signature line is malformed", field="signature")
    name, encoded = match.groups()
    _require_name(name)
    blob = from_b64(encoded, field="signature")
    if len(blob) < 5:
        raise MalformedMessage("a signature is too short", field="signature")
    return name, blob


def _require_name(name: str) -> None:
    # isprintable also refuses lone surrogates, which JSON can carry and UTF-8 cannot.
    if not name or "+" in name or " " in name or not name.isprintable() or len(name.encode()) > MAX_NAME_BYTES:
        raise MalformedMessage("a key name is empty, too long, or holds a space or plus sign", field="name")


def _require_text(text: str) -> None:
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise ValueError("a note's text ends in a newline and holds no other control character")
