"""Attacks on the frames of an open session, each named: the session ends, is receipted, and forgets its keys."""

from collections.abc import Callable

import pytest

from tacita_protocol.crypto.frames import Direction, FrameSealer
from tacita_protocol.errors import DecryptionFailed, LimitExceeded, MalformedMessage, PeerViolation, ProtocolError
from tacita_protocol.session import MessageKind, State
from tacita_protocol.session.channel import Channel
from tacita_protocol.session.fragments import PIECE_BYTES
from tacita_protocol.session.keys import confirmation, derive_keys, seal_secret
from tacita_protocol.statements.acceptance import Open
from tacita_protocol.statements.statement import sign_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.memory_broker import BANK, NOW
from tests.support.memory_log import key_named
from tests.support.session_pair import SessionPair, drain, receipt_of, take

Attack = Callable[[SessionPair], list[bytes]]
"""The frames that the responder is given; the last one is refused."""


def sealer(pair: SessionPair) -> FrameSealer:
    """The requester's own sealer: what a malicious requester can do with its keys."""
    assert isinstance(pair.requester._channel, Channel)
    return pair.requester._channel._sealer


def two_frames(pair: SessionPair) -> list[bytes]:
    pair.requester.send_message(b"first", run=0, partition=0, final=False)
    pair.requester.send_message(b"second", run=0, partition=0, final=True)
    return [outgoing.data for outgoing in drain(pair.requester)]


def replayed(pair: SessionPair) -> list[bytes]:
    first, _ = two_frames(pair)
    return [first, first]


def reordered(pair: SessionPair) -> list[bytes]:
    return [two_frames(pair)[1]]


def truncated(pair: SessionPair) -> list[bytes]:
    return [two_frames(pair)[0][:-1]]


def emptied(pair: SessionPair) -> list[bytes]:
    del pair
    return [b""]


def flipped(pair: SessionPair) -> list[bytes]:
    first, _ = two_frames(pair)
    return [first[:-20] + bytes((first[-20] ^ 1,)) + first[-19:]]


def final_flag_set(pair: SessionPair) -> list[bytes]:
    first, _ = two_frames(pair)
    return [first[:17] + b"\1" + first[18:]]


def reflected(pair: SessionPair) -> list[bytes]:
    pair.responder.send_message(b"mine", run=0, partition=0, final=False)
    return [take(pair.responder, MessageKind.FRAME).data]


def of_another_session(pair: SessionPair) -> list[bytes]:
    del pair
    return [two_frames(SessionPair().reach(State.CONFIRMED))[0]]


def unencrypted(pair: SessionPair) -> list[bytes]:
    first, _ = two_frames(pair)
    return [first[:18] + b"\0first" + bytes(16)]


def another_run(pair: SessionPair) -> list[bytes]:
    channel = sealer(pair)
    return [channel.seal(b"\0", final=True), channel.seal(b"\0", run=1)]


def another_partition(pair: SessionPair) -> list[bytes]:
    return [sealer(pair).seal(b"\0", partition=1)]


def without_a_mark(pair: SessionPair) -> list[bytes]:
    return [sealer(pair).seal(b"")]


def with_an_unknown_mark(pair: SessionPair) -> list[bytes]:
    return [sealer(pair).seal(b"\2data")]


def one_byte_pieces(pair: SessionPair) -> list[bytes]:
    return [sealer(pair).seal(b"\1x")]


def final_in_the_middle(pair: SessionPair) -> list[bytes]:
    return [sealer(pair).seal(b"\1" + bytes(PIECE_BYTES), final=True)]


def empty_last_piece(pair: SessionPair) -> list[bytes]:
    channel = sealer(pair)
    return [channel.seal(b"\1" + bytes(PIECE_BYTES)), channel.seal(b"\0")]


def longer_than_the_limit(pair: SessionPair) -> list[bytes]:
    channel = sealer(pair)
    return [channel.seal(b"\1" + bytes(PIECE_BYTES)), channel.seal(b"\1" + bytes(PIECE_BYTES))]


# Whether the refused frame was sealed with the peer's key: then it counts in the transcript, as evidence.
GENUINE, FORGED = 1, 0

TABLE: dict[str, tuple[Attack, type[ProtocolError], int]] = {
    "replayed": (replayed, PeerViolation, FORGED),
    "reordered": (reordered, PeerViolation, FORGED),
    "truncated": (truncated, DecryptionFailed, FORGED),
    "emptied": (emptied, MalformedMessage, FORGED),
    "one bit flipped": (flipped, DecryptionFailed, FORGED),
    "final flag set on the way": (final_flag_set, DecryptionFailed, FORGED),
    "reflected": (reflected, DecryptionFailed, FORGED),
    "of another session": (of_another_session, DecryptionFailed, FORGED),
    "unencrypted": (unencrypted, DecryptionFailed, FORGED),
    "another run": (another_run, PeerViolation, GENUINE),
    "another partition": (another_partition, PeerViolation, GENUINE),
    "without a mark": (without_a_mark, MalformedMessage, GENUINE),
    "with an unknown mark": (with_an_unknown_mark, MalformedMessage, GENUINE),
    "pieces of one byte": (one_byte_pieces, PeerViolation, GENUINE),
    "final in the middle of a message": (final_in_the_middle, PeerViolation, GENUINE),
    "an empty last piece": (empty_last_piece, PeerViolation, GENUINE),
    "longer than the limit": (longer_than_the_limit, LimitExceeded, GENUINE),
}


@pytest.mark.parametrize(("attack", "error", "genuine"), TABLE.values(), ids=TABLE.keys())
def test_an_attack_on_frames_ends_the_session(attack: Attack, error: type[ProtocolError], genuine: int) -> None:
    pair = SessionPair(max_message_bytes=PIECE_BYTES + 100).reach(State.CONFIRMED)
    *accepted, refused = attack(pair)
    for frame in accepted:
        pair.responder.receive(MessageKind.FRAME, frame, NOW + 30)
    state = pair.responder.state
    with pytest.raises(error):
        pair.responder.receive(MessageKind.FRAME, refused, NOW + 30)
    assert pair.responder.state is State.ABORTED
    assert pair.responder._channel is None
    receipt = receipt_of(pair.responder).body
    assert receipt.step == state.value
    assert receipt.frames.requester == 1 + len(accepted) + genuine  # the first is the confirmation
    assert [outgoing.kind for outgoing in drain(pair.responder)] == [MessageKind.RECEIPT]
    with pytest.raises(RuntimeError):
        pair.responder.receive(MessageKind.FRAME, refused, NOW + 30)


def malicious_opening(pair: SessionPair) -> FrameSealer:
    """Open the accepted session as a requester that runs its own software: its sealer, before any frame."""
    assert pair.responder._ephemeral is not None
    assert pair.responder._secret is not None
    acceptance = pair.responder._acceptance
    assert acceptance is not None
    s1, s2, match_id = pair.responder._secret, bytes(32), bytes.fromhex(pair.request.body.match)
    key = pair.responder._ephemeral.public_key
    opening = sign_statement(
        Open(
            match=pair.request.body.match,
            acceptance=acceptance.digest,
            requester=BANK,
            sealed_secret=seal_secret(s2, key, role=Role.REQUESTER, match_id=match_id, sender=BANK),
            issued=NOW + 11,
        ),
        key_named(BANK),
    )
    pair.responder.receive(MessageKind.OPEN, opening.envelope.encode(), NOW + 12)
    keys = derive_keys(
        s1,
        s2,
        request=pair.request.digest,
        grant=pair.grant.digest,
        acceptance=acceptance.digest,
        opening=opening.digest,
    )
    assert keys.session_id == pair.responder.session_id
    return FrameSealer(keys.requester, match_id=match_id, direction=Direction.REQUESTER)


FIRST_FRAMES: dict[str, Callable[[SessionPair, FrameSealer], bytes]] = {
    "an engine message": lambda _pair, channel: channel.seal(b"\0engine data"),
    "nothing": lambda _pair, channel: channel.seal(b""),
    "a final confirmation": lambda pair, channel: channel.seal(confirmation(pair.responder.session_id), final=True),
    "a confirmation of another session": lambda _pair, channel: channel.seal(confirmation(bytes(32))),
    "a confirmation with a tail": lambda pair, channel: channel.seal(confirmation(pair.responder.session_id) + b"x"),
    "a confirmation in another partition": lambda pair, channel: channel.seal(
        confirmation(pair.responder.session_id), partition=1
    ),
}


@pytest.mark.parametrize("first", FIRST_FRAMES.values(), ids=FIRST_FRAMES.keys())
def test_the_first_frame_must_confirm(first: Callable[[SessionPair, FrameSealer], bytes]) -> None:
    pair = SessionPair().reach(State.ACCEPTED)
    channel = malicious_opening(pair)
    with pytest.raises(PeerViolation):
        pair.responder.receive(MessageKind.FRAME, first(pair, channel), NOW + 20)
    assert pair.responder.state is State.ABORTED
    assert receipt_of(pair.responder).body.step == "open"


def test_a_duplicate_is_not_taken_twice_by_the_session_that_sent_it() -> None:
    """Retries resend the bytes that were handed out; the session never seals a sequence number again."""
    pair = SessionPair().reach(State.CONFIRMED)
    pair.requester.send_message(b"one", run=0, partition=0, final=False)
    pair.requester.send_message(b"one", run=0, partition=0, final=True)
    sent = drain(pair.requester)
    assert [outgoing.sequence for outgoing in sent] == [1, 2]
    assert sent[0].data[18:] != sent[1].data[18:]
    assert pair.requester.send() is None
