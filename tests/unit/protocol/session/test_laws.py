"""Laws of fragmentation, of the derived keys and of whole conversations, over generated data."""

import hashlib
import hmac
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.session import EngineMessage, PeerFinished, State
from tacita_protocol.session.fragments import Assembler, fragment
from tacita_protocol.session.keys import confirmation, derive_keys
from tacita_protocol.statements.vocabulary import ResultTo
from tests.support.session_pair import SessionPair

DIGESTS = {name: digest_of(name.encode()) for name in ("request", "grant", "acceptance", "opening")}


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 20))
def test_messages_come_back_whole_and_in_order(messages: list[bytes], piece_bytes: int) -> None:
    assembler = Assembler(60, piece_bytes=piece_bytes)
    received = []
    for message in messages:
        for plaintext in fragment(message, piece_bytes=piece_bytes):
            assert 1 <= len(plaintext) <= piece_bytes + 1
            whole = assembler.add(plaintext, final=False)
            if whole is not None:
                received.append(whole)
    assert received == messages


@given(st.binary(max_size=200), st.integers(1, 20))
def test_every_piece_but_the_last_is_full(message: bytes, piece_bytes: int) -> None:
    pieces = list(fragment(message, piece_bytes=piece_bytes))
    assert len(pieces) == max(1, -(-len(message) // piece_bytes))
    assert all(piece[0] == 1 and len(piece) == piece_bytes + 1 for piece in pieces[:-1])
    assert pieces[-1][0] == 0


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 20))
def test_a_message_passes_exactly_up_to_the_limit(length: int, limit: int, piece_bytes: int) -> None:
    assembler = Assembler(limit, piece_bytes=piece_bytes)

    def assemble() -> bytes | None:
        return [assembler.add(piece, final=False) for piece in fragment(bytes(length), piece_bytes=piece_bytes)][-1]

    if length <= limit:
        assert assemble() == bytes(length)
    else:
        with pytest.raises(LimitExceeded):
            assemble()


@settings(max_examples=20, deadline=None)
@given(
    result_to=st.sampled_from(ResultTo),
    turns=st.lists(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=6), min_size=2, max_size=2),
)
def test_any_conversation_arrives_and_both_transcripts_agree(
    result_to: ResultTo, turns: list[list[tuple[bool, bytes]]]
) -> None:
    pair = SessionPair(request={"result_to": result_to}).reach(State.CONFIRMED)
    for run, conversation in zip(pair.requester.runs, turns, strict=False):
        number = run.number
        for asked, data in conversation:
            speaker = pair.requester if asked else pair.responder
            speaker.send_message(data, run=number, partition=0, final=False)
            assert pair.messages() == [EngineMessage(data, number, 0)]
        pair.requester.send_message(b"", run=number, partition=0, final=True)
        pair.responder.send_message(b"", run=number, partition=0, final=True)
        assert pair.messages() == [EngineMessage(b"", number, 0), PeerFinished(number)] * 2
    pair._to_closing()
    assert pair.requester.receipt is not None
    assert pair.responder.receipt is not None
    assert pair.requester.receipt.body.transcripts == pair.responder.receipt.body.transcripts
    assert pair.requester.receipt.body.frames == pair.responder.receipt.body.frames


def test_keys_depend_on_each_secret_and_each_statement() -> None:
    base = derive_keys(bytes(32), bytes(32), **DIGESTS)
    others = [derive_keys(b"\1" * 32, bytes(32), **DIGESTS), derive_keys(bytes(32), b"\1" * 32, **DIGESTS)]
    others += [derive_keys(bytes(32), bytes(32), **DIGESTS | {name: digest_of(b"other")}) for name in DIGESTS]
    names = list(DIGESTS)
    for first, second in pairwise(names):
        swapped = DIGESTS | {first: DIGESTS[second], second: DIGESTS[first]}
        others.append(derive_keys(bytes(32), bytes(32), **swapped))
    every = [base, *others]
    for field in ("session_id", "requester", "responder"):
        assert len({getattr(keys, field) for keys in every}) == len(every)
    assert len({base.session_id, base.requester, base.responder}) == 3
    assert confirmation(base.session_id) != confirmation(others[0].session_id)


def test_keys_follow_the_written_derivation() -> None:
    """Computed here a second time, from RFC 5869 and the module's docstring, with the standard library only."""
    s1, s2 = bytes(range(32)), bytes(range(32, 64))
    digests = b"".join(hashlib.sha256(name.encode()).digest() for name in DIGESTS)
    extracted = hmac.digest(bytes(32), s1 + s2, "sha256")

    def expanded(info: bytes) -> bytes:
        return hmac.digest(extracted, info + digests + b"\1", "sha256")

    keys = derive_keys(s1, s2, **DIGESTS)
    assert keys.session_id == expanded(b"tacita/session-id/v1\0")
    assert keys.requester == expanded(b"tacita/session/v1\0requester\0")
    assert keys.responder == expanded(b"tacita/session/v1\0responder\0")
