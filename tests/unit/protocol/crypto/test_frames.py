import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.frames import (
    FRAME_OVERHEAD,
    MAX_FRAME_BYTES,
    MAX_FRAME_PLAINTEXT,
    Direction,
    FrameOpener,
    FrameSealer,
    OpenedFrame,
    Transcript,
)
from tacita_protocol.errors import (
    DecryptionFailed,
    LimitExceeded,
    MalformedMessage,
    PeerViolation,
    ProtocolError,
    UnsupportedVersion,
)

KEY = bytes(range(32))
MATCH = bytes(range(16))


def sealer(key: bytes = KEY, match: bytes = MATCH, direction: Direction = Direction.REQUESTER) -> FrameSealer:
    return FrameSealer(key, match_id=match, direction=direction)


def opener(key: bytes = KEY, match: bytes = MATCH, direction: Direction = Direction.REQUESTER) -> FrameOpener:
    return FrameOpener(key, match_id=match, direction=direction)


def test_layout_is_the_documented_one() -> None:
    ours = sealer()
    ours.seal(b"first")
    header = struct.pack(">BIIQB", 1, 0, 7, 1, 1)
    aad = b"tacita/frame/v1\0" + MATCH + b"\0" + header
    expected = header + ChaCha20Poly1305(KEY).encrypt((1).to_bytes(12, "big"), b"second", aad)
    assert ours.seal(b"second", partition=7, final=True) == expected
    assert len(expected) == len(b"second") + FRAME_OVERHEAD


@given(st.lists(st.tuples(st.binary(max_size=50), st.integers(0, 2**32 - 1), st.booleans())))
def test_frames_open_in_order(messages: list[tuple[bytes, int, bool]]) -> None:
    ours, theirs, run = sealer(), opener(), 0
    for sequence, (plaintext, partition, final) in enumerate(messages):
        assert ours.next_sequence == theirs.next_sequence == sequence
        frame = ours.seal(plaintext, run=run, partition=partition, final=final)
        assert theirs.open(frame) == OpenedFrame(run, partition, sequence, final, plaintext)
        run += final


def test_largest_frame() -> None:
    frame = sealer().seal(bytes(MAX_FRAME_PLAINTEXT))
    assert len(frame) == MAX_FRAME_BYTES
    assert opener().open(frame).plaintext == bytes(MAX_FRAME_PLAINTEXT)
    with pytest.raises(ValueError, match="at most"):
        sealer().seal(bytes(MAX_FRAME_PLAINTEXT + 1))


FIRST = sealer().seal(b"payload")
LATER = sealer()
LATER.seal(b"lost")
SECOND = LATER.seal(b"payload")


def forged(header: bytes, key: bytes = KEY) -> bytes:
    """What a peer that holds the key, but keeps to no rule, may send as its first frame."""
    aad = b"tacita/frame/v1\0" + MATCH + b"\0" + header
    return header + ChaCha20Poly1305(key).encrypt(bytes(12), b"payload", aad)


ATTACKS: dict[str, tuple[bytes, type[ProtocolError]]] = {
    "empty": (b"", MalformedMessage),
    "shorter than its overhead": (FIRST[: FRAME_OVERHEAD - 1], MalformedMessage),
    "truncated": (FIRST[:-1], DecryptionFailed),
    "extended": (FIRST + b"\0", DecryptionFailed),
    "too large": (bytes(MAX_FRAME_BYTES + 1), LimitExceeded),
    "not encrypted": (FIRST[:18] + b"payload" + bytes(16), DecryptionFailed),
    "reordered": (SECOND, PeerViolation),
    "reflected": (sealer(direction=Direction.RESPONDER).seal(b"payload"), DecryptionFailed),
    "of another match": (sealer(match=bytes(16)).seal(b"payload"), DecryptionFailed),
    "of another session": (sealer(key=bytes(32)).seal(b"payload"), DecryptionFailed),
    "renumbered": (SECOND[:9] + bytes(8) + SECOND[17:], DecryptionFailed),
    "final flag set": (FIRST[:17] + b"\1" + FIRST[18:], DecryptionFailed),
    "run changed": (FIRST[:1] + b"\0\0\0\1" + FIRST[5:], DecryptionFailed),
    "partition changed": (FIRST[:5] + b"\0\0\0\1" + FIRST[9:], DecryptionFailed),
    "version 0": (forged(struct.pack(">BIIQB", 0, 0, 0, 0, 0)), UnsupportedVersion),
    "version 2": (forged(struct.pack(">BIIQB", 2, 0, 0, 0, 0)), UnsupportedVersion),
    "final flag 2": (forged(struct.pack(">BIIQB", 1, 0, 0, 0, 2)), MalformedMessage),
    "sequence at its end": (forged(struct.pack(">BIIQB", 1, 0, 0, 2**64 - 1, 0)), PeerViolation),
    "run 1 before run 0 is over": (forged(struct.pack(">BIIQB", 1, 1, 0, 0, 0)), PeerViolation),
}


@pytest.mark.parametrize(("frame", "error"), ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_ends_the_match(frame: bytes, error: type[ProtocolError]) -> None:
    theirs = opener()
    with pytest.raises(error):
        theirs.open(frame)
    with pytest.raises(RuntimeError, match="refused before"):
        theirs.open(FIRST)


def test_a_duplicate_ends_the_match() -> None:
    theirs = opener()
    theirs.open(FIRST)
    with pytest.raises(PeerViolation):
        theirs.open(FIRST)


@given(st.integers(0, len(FIRST) * 8 - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    changed = bytearray(FIRST)
    changed[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(ProtocolError):
        opener().open(bytes(changed))


@pytest.mark.parametrize("run", [0, 1])
def test_what_follows_the_final_frame(run: int) -> None:
    """Whatever a rule-breaking peer seals after the final frame of run 1: neither run 1 again nor run 0."""
    ours, theirs = sealer(), opener()
    theirs.open(ours.seal(b"", run=0, final=True))
    theirs.open(ours.seal(b"", run=1, final=True))
    with pytest.raises(RuntimeError, match="final frame"):
        ours.seal(b"", run=run)
    header = struct.pack(">BIIQB", 1, run, 0, 2, 0)
    aad = b"tacita/frame/v1\0" + MATCH + b"\0" + header
    with pytest.raises(PeerViolation):
        theirs.open(header + ChaCha20Poly1305(KEY).encrypt((2).to_bytes(12, "big"), b"", aad))


def test_a_refused_call_uses_up_no_number() -> None:
    ours = sealer()
    with pytest.raises(RuntimeError):
        ours.seal(b"", run=1)
    with pytest.raises(ValueError, match="32-bit"):
        ours.seal(b"", partition=2**32)
    assert ours.next_sequence == 0


def test_wrong_key_and_match_sizes_are_programming_errors() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sealer(key=bytes(16))
    with pytest.raises(ValueError, match="16 bytes"):
        opener(match=bytes(15))
    with pytest.raises(ValueError, match="16 bytes"):
        Transcript(bytes(15), Direction.REQUESTER)


def test_direction_has_an_opposite() -> None:
    assert [direction.other.other for direction in Direction] == list(Direction)
    assert Direction.REQUESTER.other is Direction.RESPONDER


def test_transcript_is_the_documented_chain() -> None:
    chain = Transcript(MATCH, Direction.RESPONDER)
    state = hashlib.sha256(b"tacita/transcript/v1\0" + MATCH + b"\1").digest()
    assert (chain.hexdigest, chain.frames) == (state.hex(), 0)
    for frame in (b"one", b"", b"three"):
        chain.update(frame)
        state = hashlib.sha256(state + struct.pack(">I", len(frame)) + frame).digest()
    assert (chain.hexdigest, chain.frames) == (state.hex(), 3)


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_transcripts_differ_when_frames_do(one: list[bytes], other: list[bytes]) -> None:
    chains = [Transcript(MATCH, Direction.REQUESTER) for _ in range(2)]
    for chain, frames in zip(chains, (one, other), strict=True):
        for frame in frames:
            chain.update(frame)
    assert (chains[0].hexdigest == chains[1].hexdigest) == (one == other)
