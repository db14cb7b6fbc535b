"""Frames: the encrypted pieces in which one direction of a match travels through the relay.

A frame is a header (18 bytes, in the clear, authenticated) and a ChaCha20-Poly1305 ciphertext:

    version u8 = 1 | run u32 | partition u32 | sequence u64 | final u8 | ciphertext and tag      (big endian)

    nonce            = sequence number as 96-bit big-endian counter (one key per direction, so never used twice)
    associated data  = "tacita/frame/v1" 00 | match id (16) | direction u8 (0 requester's, 1 responder's) | header

Rules of order, the same for sealing and opening:
    1. Sequence numbers start at 0 and grow by 1 over the whole match; they never restart, not between runs either.
    2. A run ends with its final frame. Nothing of that run follows it, and only after it may a later run start.

A sealer never seals a sequence number twice: whoever must send again sends the same bytes. An opener that has once
refused a frame refuses all further ones.
"""

import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tacita_protocol.crypto.digest import Digest, sha256
from tacita_protocol.errors import (
    DecryptionFailed,
    LimitExceeded,
    MalformedMessage,
    PeerViolation,
    ProtocolError,
    UnsupportedVersion,
)

MAX_FRAME_PLAINTEXT = 1 << 20
"""Bytes of plaintext in one frame."""

FRAME_OVERHEAD = 18 + 16
"""Bytes of header and tag."""

MAX_FRAME_BYTES = MAX_FRAME_PLAINTEXT + FRAME_OVERHEAD
"""Bytes of one frame on the wire."""

MATCH_ID_SIZE = 16
FRAME_KEY_SIZE = 32

_VERSION = 1
_HEADER = struct.Struct(">BIIQB")
_U32_MAX = 2**32 - 1
_FRAME_DOMAIN = b"tacita/frame/v1\0"
_TRANSCRIPT_DOMAIN = b"tacita/transcript/v1\0"


class Direction(StrEnum):
    """Whose frames."""

    REQUESTER = "requester"
    RESPONDER = "responder"

    @property
    def other(self) -> "Direction":
        """The opposite direction."""
        return Direction.RESPONDER if self is Direction.REQUESTER else Direction.REQUESTER

    @property
    def code(self) -> bytes:
        """One byte for hashing and associated data."""
        return b"\0" if self is Direction.REQUESTER else b"\1"


@dataclass(frozen=True)
class OpenedFrame:
    """One authenticated frame."""

    run: int
    partition: int
    sequence: int
    final: bool
    plaintext: bytes = field(repr=False)


class _Order:
    """Rule 2 of the module docstring."""

    def __init__(self) -> None:
        self._run = 0
        self._run_is_over = False

    def allows(self, run: int) -> bool:
        return run > self._run if self._run_is_over else run == self._run

    def note(self, run: int, *, final: bool) -> None:
        self._run, self._run_is_over = run, final


class FrameSealer:
    """Seals the frames of one direction.

    Args:
        key: 32 bytes, of this match and direction only.
        match_id: 16 bytes.
        direction: whose frames these are.
    """

    def __init__(self, key: bytes, *, match_id: bytes, direction: Direction) -> None:
        self._cipher = _cipher(key)
        self._context = _context(match_id, direction)
        self._order = _Order()
        self._sequence = 0

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next call of `seal` uses."""
        return self._sequence

    def seal(self, plaintext: bytes, *, run: int = 0, partition: int = 0, final: bool = False) -> bytes:
        """The next frame.

        Args:
            plaintext: at most `MAX_FRAME_PLAINTEXT` bytes.
            run: run number, u32.
            partition: partition number, u32.
            final: whether this is the last frame of the run in this direction.

        Raises:
            RuntimeError: the run is over, or another one is not.
            ValueError: sizes or numbers out of range.
        """
        if len(plaintext) > MAX_FRAME_PLAINTEXT:
            raise ValueError(f"a frame holds at most {MAX_FRAME_PLAINTEXT} bytes")
        if not (0 <= run <= _U32_MAX and 0 <= partition <= _U32_MAX):
            raise ValueError("run and partition are unsigned 32-bit numbers")
        if not self._order.allows(run):
            raise RuntimeError("frames of a run end with its final frame, and only then does a later run start")
        sequence = self._sequence
        # Before encryption: whatever happens from here on, this number is used up.
        self._sequence += 1
        self._order.note(run, final=final)
        header = _HEADER.pack(_VERSION, run, partition, sequence, final)
        return header + self._cipher.encrypt(_nonce(sequence), plaintext, self._context + header)


class FrameOpener:
    """Opens the frames of one direction, in order. Arguments as for `FrameSealer`."""

    def __init__(self, key: bytes, *, match_id: bytes, direction: Direction) -> None:
        self._cipher = _cipher(key)
        self._context = _context(match_id, direction)
        self._order = _Order()
        self._sequence = 0
        self._refused = False

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next frame must have."""
        return self._sequence

    def open(self, frame: bytes) -> OpenedFrame:
        """Authenticate and decrypt the next frame.

        Raises:
            MalformedMessage, LimitExceeded: not a frame.
            PeerViolation: another sequence number or run than the order allows.
            DecryptionFailed: changed, of another match, direction or key.
            RuntimeError: this opener has refused a frame before.
        """
        if self._refused:
            raise RuntimeError("a frame was refused before: the match is over")
        try:
            return self._open(frame)
        except ProtocolError:
            self._refused = True
            raise

    def _open(self, frame: bytes) -> OpenedFrame:
        # 1. Form.
        if len(frame) > MAX_FRAME_BYTES:
            raise LimitExceeded(f"a frame has at most {MAX_FRAME_BYTES} bytes")
        if len(frame) < FRAME_OVERHEAD:
            raise MalformedMessage("shorter than header and tag", field="frame")
        header = frame[: _HEADER.size]
        version, run, partition, sequence, final = _HEADER.unpack(header)
        if version != _VERSION:
            raise UnsupportedVersion("unknown frame version", field="frame.version")
        if final > 1:
            raise MalformedMessage("neither 0 nor 1", field="frame.final")
        # 2. Exactly the next one: not earlier (duplicate), not later (lost or reordered).
        if sequence != self._sequence:
            raise PeerViolation("not the next sequence number", field="frame.sequence")
        # 3. Authentic, for this match and direction.
        try:
            plaintext = self._cipher.decrypt(_nonce(sequence), frame[_HEADER.size :], self._context + header)
        except InvalidTag as error:
            raise DecryptionFailed("the frame does not open under this session's key") from error
        # 4. In its run.
        if not self._order.allows(run):
            raise PeerViolation("the run is over, or another one is not", field="frame.run")
        self._order.note(run, final=bool(final))
        self._sequence += 1
        return OpenedFrame(run, partition, sequence, bool(final), plaintext)


class Transcript:
    """Hash chain over the frames of one direction, as they travelled (ciphertext).

    t0 = SHA-256("tacita/transcript/v1" 00 | match id | direction u8);  t = SHA-256(t | u32 length | frame)

    Args:
        match_id: 16 bytes.
        direction: whose frames.
    """

    def __init__(self, match_id: bytes, direction: Direction) -> None:
        _check_match_id(match_id)
        self._state = sha256(_TRANSCRIPT_DOMAIN, match_id, direction.code)
        self._frames = 0

    def update(self, frame: bytes) -> Self:
        """Add the next frame."""
        self._state = sha256(self._state, struct.pack(">I", len(frame)), frame)
        self._frames += 1
        return self

    @property
    def hexdigest(self) -> Digest:
        """The chain's head, over all frames added so far."""
        return Digest(self._state.hex())

    @property
    def frames(self) -> int:
        """How many frames were added."""
        return self._frames


def _cipher(key: bytes) -> ChaCha20Poly1305:
    if len(key) != FRAME_KEY_SIZE:
        raise ValueError(f"a frame key has {FRAME_KEY_SIZE} bytes")
    return ChaCha20Poly1305(key)


def _context(match_id: bytes, direction: Direction) -> bytes:
    _check_match_id(match_id)
    return _FRAME_DOMAIN + match_id + direction.code


def _check_match_id(match_id: bytes) -> None:
    if len(match_id) != MATCH_ID_SIZE:
        raise ValueError(f"a match id has {MATCH_ID_SIZE} bytes")


def _nonce(sequence: int) -> bytes:
    return sequence.to_bytes(12, "big")
