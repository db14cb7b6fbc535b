"""Both machines, statement by statement, on the way that honest partners and an honest broker take."""

import pytest

from tacita_protocol.crypto.frames import MAX_FRAME_BYTES
from tacita_protocol.session import (
    Accepted,
    Closed,
    Confirmed,
    Denied,
    EngineMessage,
    Granted,
    MessageKind,
    Opened,
    PeerFinished,
    Refused,
    State,
)
from tacita_protocol.session.fragments import PIECE_BYTES
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_protocol.statements.statement import verify_statement
from tests.support.memory_broker import BANK, COUNT, CUSTODY, NGO, NOW, OBLIGATIONS, POLICY, REASONS, MemoryBroker
from tests.support.memory_log import key_named
from tests.support.session_pair import SessionPair, drain, receipt_of, take


def test_a_match_from_request_to_release() -> None:
    pair = SessionPair()
    requester, responder = pair.requester, pair.responder
    assert pair.states() == (State.NEW, State.REQUESTED)

    assert take(requester, MessageKind.REQUEST).data.decode() == pair.request.envelope
    assert pair.states() == (State.REQUESTED, State.REQUESTED)

    decision = pair.broker.decide(pair.request, pair.grant)
    assert requester.receive(MessageKind.DECISION, decision, NOW + 2) == [Granted(pair.request, pair.grant)]
    assert responder.receive(MessageKind.DECISION, decision, NOW + 2) == [Granted(pair.request, pair.grant)]
    assert pair.states() == (State.GRANTED, State.GRANTED)

    responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10)
    acceptance = take(responder, MessageKind.ACCEPTANCE)
    assert pair.states() == (State.GRANTED, State.ACCEPTED)
    verified = verify_statement(Acceptance, acceptance.data, key_named(NGO).verify_key)
    assert verified.body.grant == pair.grant.digest
    assert requester.receive(MessageKind.ACCEPTANCE, acceptance.data, NOW + 11) == [Accepted(verified)]
    assert pair.states() == (State.ACCEPTED, State.ACCEPTED)

    opening = take(requester, MessageKind.OPEN)
    assert pair.states() == (State.OPEN, State.ACCEPTED)
    assert verify_statement(Open, opening.data, key_named(BANK).verify_key).body.acceptance == verified.digest
    assert responder.receive(MessageKind.OPEN, opening.data, NOW + 12) == [Opened()]
    assert pair.states() == (State.OPEN, State.OPEN)

    session_id = requester.session_id
    assert len(session_id) == 32
    assert pair.messages() == [Confirmed(session_id), Confirmed(session_id)]
    assert pair.states() == (State.CONFIRMED, State.CONFIRMED)
    assert responder.session_id == session_id

    requester.send_message(b"request", run=0, partition=0, final=True)
    responder.send_message(b"setup", run=0, partition=0, final=False)
    responder.send_message(b"", run=0, partition=0, final=True)
    assert pair.messages() == [
        EngineMessage(b"request", 0, 0),
        PeerFinished(0),
        EngineMessage(b"setup", 0, 0),
        EngineMessage(b"", 0, 0),
        PeerFinished(0),
    ]
    assert pair.states() == (State.MATCHING, State.MATCHING)

    requester.finish(elements_charged=COUNT, custody=CUSTODY, now=NOW + 61)
    responder.finish(elements_charged=COUNT, custody=CUSTODY, now=NOW + 200)
    assert take(requester, MessageKind.RECEIPT).data.decode() == receipt_of(requester).envelope
    assert take(responder, MessageKind.RECEIPT).data.decode() == receipt_of(responder).envelope
    assert pair.states() == (State.CLOSING, State.CLOSING)

    closing = pair.broker.close(
        requester.match_id, pair.grant.digest, requester=receipt_of(requester), responder=receipt_of(responder)
    )
    assert requester.receive(MessageKind.CLOSING, closing, NOW + 300) == [
        Closed(Outcome.COMPLETED, receipt_of(responder), may_release=True)
    ]
    assert responder.receive(MessageKind.CLOSING, closing, NOW + 300) == [
        Closed(Outcome.COMPLETED, receipt_of(requester), may_release=True)
    ]
    assert pair.states() == (State.CLOSED, State.CLOSED)


def test_receipts_state_the_same_facts_and_coarse_times() -> None:
    pair = SessionPair().reach(State.CLOSING)
    asked, answered = receipt_of(pair.requester).body, receipt_of(pair.responder).body
    assert asked.status is answered.status is ReceiptStatus.COMPLETED
    assert asked.transcripts == answered.transcripts
    assert (asked.frames.requester, asked.frames.responder) == (2, 3)  # with the confirmations
    assert asked.frames == answered.frames
    assert (asked.grant, asked.acceptance, asked.open) == (answered.grant, answered.acceptance, answered.open)
    assert asked.elements_charged == answered.elements_charged == COUNT
    assert asked.started % 60 == asked.ended % 60 == 0


def test_a_long_message_travels_in_full_frames() -> None:
    pair = SessionPair().reach(State.CONFIRMED)
    message = bytes(2 * PIECE_BYTES) + b"tail"
    pair.requester.send_message(message, run=0, partition=0, final=True)
    frames = drain(pair.requester)
    assert [frame.sequence for frame in frames] == [1, 2, 3]
    assert [len(frame.data) for frame in frames[:2]] == [MAX_FRAME_BYTES, MAX_FRAME_BYTES]
    events = [pair.responder.receive(frame.kind, frame.data, NOW + 30) for frame in frames]
    assert events == [[], [], [EngineMessage(message, 0, 0), PeerFinished(0)]]


def test_a_denial_closes_without_receipts() -> None:
    broker = MemoryBroker()
    pair = SessionPair(broker)
    take(pair.requester, MessageKind.REQUEST)
    denial = broker.denial(pair.request)
    assert pair.requester.receive(MessageKind.DECISION, broker.decide(pair.request, denial), NOW + 2) == [
        Denied(denial)
    ]
    assert pair.requester.state is State.DENIED
    closing = broker.close(pair.request.body.match, denial.digest, outcome=Outcome.DENIED)
    assert pair.requester.receive(MessageKind.CLOSING, closing, NOW + 500) == [
        Closed(Outcome.DENIED, None, may_release=False)
    ]
    assert pair.requester.state is State.DENIED
    assert drain(pair.requester) == []


def test_a_refusal_is_signed_and_closes_the_match() -> None:
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.refuse(reasons=REASONS, policy=POLICY, now=NOW + 10)
    data = take(pair.responder, MessageKind.REFUSAL).data
    refusal = verify_statement(Refusal, data, key_named(NGO).verify_key)
    assert pair.requester.receive(MessageKind.REFUSAL, data, NOW + 11) == [Refused(refusal)]
    assert pair.states() == (State.REFUSED, State.REFUSED)
    closing = pair.broker.close(pair.requester.match_id, pair.grant.digest, refusal=refusal)
    for session in (pair.requester, pair.responder):
        assert session.receive(MessageKind.CLOSING, closing, NOW + 20) == [
            Closed(Outcome.REFUSED, None, may_release=False)
        ]
        assert session.state is State.REFUSED


def test_a_requester_that_missed_the_refusal_finds_it_in_the_closing() -> None:
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.refuse(reasons=REASONS, policy=None, now=NOW + 10)
    refusal = verify_statement(Refusal, take(pair.responder, MessageKind.REFUSAL).data, key_named(NGO).verify_key)
    closing = pair.broker.close(pair.requester.match_id, pair.grant.digest, refusal=refusal)
    assert pair.requester.receive(MessageKind.CLOSING, closing, NOW + 20) == [
        Closed(Outcome.REFUSED, None, may_release=False)
    ]


def test_the_first_engine_of_the_requester_that_is_allowed_is_taken() -> None:
    pair = SessionPair(request={"engines": ("oprf", "vole", "ecdh")})
    pair.grant = pair.broker.grant(pair.request, engine="vole")
    pair.reach(State.GRANTED)
    assert pair.requester.state is State.GRANTED


def test_a_withheld_peer_receipt_still_releases() -> None:
    pair = SessionPair().reach(State.CLOSING)
    closing = pair.broker.close(pair.requester.match_id, pair.grant.digest, requester=receipt_of(pair.requester))
    assert pair.requester.receive(MessageKind.CLOSING, closing, NOW + 4000) == [
        Closed(Outcome.INCOMPLETE, None, may_release=True)
    ]


def test_a_match_that_nobody_went_on_with_closes_incomplete() -> None:
    pair = SessionPair().reach(State.GRANTED)
    closing = pair.broker.close(pair.requester.match_id, pair.grant.digest)
    assert pair.requester.receive(MessageKind.CLOSING, closing, NOW + 4000) == [
        Closed(Outcome.INCOMPLETE, None, may_release=False)
    ]
    assert pair.requester.state is State.CLOSED


@pytest.mark.parametrize(
    "state", [State.GRANTED, State.ACCEPTED, State.OPEN, State.CONFIRMED, State.MATCHING], ids=lambda state: state.value
)
def test_an_abort_is_receipted_with_its_step_and_forgets_the_keys(state: State) -> None:
    pair = SessionPair().reach(state)
    if state is State.MATCHING:
        pair.requester.record_charge(COUNT)
    pair.requester.abort(now=NOW + 100)
    pair.requester.abort(now=NOW + 101)  # idempotent
    assert pair.requester.state is State.ABORTED
    assert [outgoing.kind for outgoing in drain(pair.requester)] == [MessageKind.RECEIPT]
    receipt = receipt_of(pair.requester).body
    assert (receipt.status, receipt.step) == (ReceiptStatus.ABORTED, state.value)
    assert receipt.elements_charged == (COUNT if state is State.MATCHING else 0)
    with pytest.raises(RuntimeError):
        _ = pair.requester.session_id
    assert pair.requester._channel is None
    assert pair.requester._ephemeral is None


def test_both_sides_forget_every_secret_when_they_finish() -> None:
    pair = SessionPair().reach(State.CLOSING)
    for session in (pair.requester, pair.responder):
        assert session._channel is None
        assert session._ephemeral is None
        with pytest.raises(RuntimeError):
            _ = session.session_id
    assert pair.responder._secret is None


def test_an_aborted_match_closes_as_aborted_and_releases_nothing() -> None:
    pair = SessionPair().reach(State.MATCHING)
    pair.requester.finish(elements_charged=COUNT, custody=CUSTODY, now=NOW + 40)
    pair.responder.abort(now=NOW + 40)
    closing = pair.broker.close(
        pair.requester.match_id,
        pair.grant.digest,
        requester=receipt_of(pair.requester),
        responder=receipt_of(pair.responder),
    )
    assert pair.requester.receive(MessageKind.CLOSING, closing, NOW + 50) == [
        Closed(Outcome.ABORTED, receipt_of(pair.responder), may_release=False)
    ]
    assert pair.responder.receive(MessageKind.CLOSING, closing, NOW + 50) == [
        Closed(Outcome.ABORTED, receipt_of(pair.requester), may_release=False)
    ]
    assert pair.responder.state is State.ABORTED


def test_an_abort_before_the_request_was_sent_leaves_nothing() -> None:
    pair = SessionPair()
    pair.requester.abort(now=NOW)
    assert pair.requester.state is State.ABORTED
    assert drain(pair.requester) == []


def test_an_abort_after_the_receipt_has_no_effect() -> None:
    pair = SessionPair().reach(State.CLOSING)
    receipt = receipt_of(pair.requester)
    pair.requester.abort(now=NOW + 60)
    assert pair.requester.state is State.CLOSING
    assert receipt_of(pair.requester) == receipt
