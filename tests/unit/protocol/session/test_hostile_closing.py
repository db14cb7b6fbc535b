"""Lies in the closing: nothing is released, and the session ends for good."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.errors import MalformedMessage, PeerViolation, ProofInvalid, ProtocolError, SignatureInvalid
from tacita_protocol.session import Closed, MessageKind, State
from tacita_protocol.statements.acceptance import Refusal
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus, Transcripts
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.memory_broker import BANK, COUNT, CUSTODY, NGO, NOW, REASONS
from tests.support.memory_log import INDEPENDENT_WITNESSES, key_named
from tests.support.session_pair import SessionPair, drain, receipt_of

Lie = Callable[[SessionPair], bytes]


def closing(pair: SessionPair, **changes: Any) -> bytes:
    """The closing with both honest receipts, or one that deviates."""
    honest = {"requester": receipt_of(pair.requester), "responder": receipt_of(pair.responder)}
    return pair.broker.close(pair.requester.match_id, pair.grant.digest, **honest | changes)


def peer_receipt(pair: SessionPair, *, signer: str = NGO, **changes: Any) -> Signed[Receipt]:
    """The responder's receipt, deviating in these fields and signed again."""
    return sign_statement(receipt_of(pair.responder).body.model_copy(update=changes), key_named(signer))


def made(**changes: Any) -> Lie:
    return lambda pair: closing(pair, **changes)


def with_peer(**changes: Any) -> Lie:
    return lambda pair: closing(pair, responder=peer_receipt(pair, **changes))


def own_receipt_changed(pair: SessionPair) -> bytes:
    body = receipt_of(pair.requester).body.model_copy(update={"elements_charged": COUNT + 1})
    return closing(pair, requester=sign_statement(body, key_named(BANK)))


def own_receipt_beside_the_entry(pair: SessionPair) -> bytes:
    body = json.loads(closing(pair, requester=None))
    body["receipts"]["requester"] = receipt_of(pair.requester).envelope
    return json.dumps(body).encode()


def receipts_swapped(pair: SessionPair) -> bytes:
    return closing(pair, requester=receipt_of(pair.responder), responder=receipt_of(pair.requester))


def invented_refusal(pair: SessionPair) -> bytes:
    body = Refusal(
        match=pair.requester.match_id,
        grant=pair.grant.digest,
        responder=NGO,
        policy=None,
        reasons=REASONS,
        issued=NOW,
    )
    return closing(pair, refusal=sign_statement(body, key_named("broker-one")))


def of_another_match(pair: SessionPair) -> bytes:
    other = SessionPair(pair.broker).reach(State.CLOSING)
    return closing(other)


def own_receipt_in_a_closing_of_another_match(pair: SessionPair) -> bytes:
    return closing(pair, items={"match": "0" * 32})


TABLE: dict[str, tuple[Lie, type[ProtocolError]]] = {
    "own receipt missing": (made(requester=None), PeerViolation),
    "own receipt changed": (own_receipt_changed, PeerViolation),
    "own receipt not in the entry": (own_receipt_beside_the_entry, ProofInvalid),
    "receipts swapped": (receipts_swapped, PeerViolation),
    "peer's receipt forged by the broker": (with_peer(signer="broker-one"), SignatureInvalid),
    "peer's receipt forged by this side": (with_peer(signer=BANK), SignatureInvalid),
    "peer's receipt of another match": (with_peer(match="0" * 32), PeerViolation),
    "peer's receipt of the other role": (with_peer(role=Role.REQUESTER), PeerViolation),
    "peer's receipt in another name": (with_peer(partner="somebody"), PeerViolation),
    "peer's receipt of another grant": (with_peer(grant=digest_of(b"other")), PeerViolation),
    "differing transcripts called completed": (
        lambda pair: closing(
            pair,
            outcome=Outcome.COMPLETED,
            responder=peer_receipt(pair, transcripts=Transcripts(requester=digest_of(b"x"), responder=digest_of(b"y"))),
        ),
        ProofInvalid,
    ),
    "completed called incomplete": (made(outcome=Outcome.INCOMPLETE), ProofInvalid),
    "incomplete called completed": (made(responder=None, outcome=Outcome.COMPLETED), ProofInvalid),
    "completed called denied": (made(outcome=Outcome.DENIED), ProofInvalid),
    "another decision": (made(items={"decision": digest_of(b"other")}), ProofInvalid),
    "another match in the entry": (own_receipt_in_a_closing_of_another_match, ProofInvalid),
    "an opening instead": (made(items={"type": "opening"}), ProofInvalid),
    "one item more": (made(items={"note": "more"}), ProofInvalid),
    "closing of another match": (of_another_match, PeerViolation),
    "invented refusal": (invented_refusal, SignatureInvalid),
    "without quorum": (made(cosigners=INDEPENDENT_WITNESSES[:1]), ProofInvalid),
    "quorum by the parties' witnesses": (made(cosigners=(BANK, NGO)), ProofInvalid),
    "from tomorrow": (made(time=NOW + 86_400), ProofInvalid),
    "not JSON": (lambda _pair: b"[", MalformedMessage),
    "unknown outcome": (made(items={"outcome": "fine"}), ProofInvalid),
}


@pytest.mark.parametrize(("lie", "error"), TABLE.values(), ids=TABLE.keys())
def test_a_lie_in_the_closing_releases_nothing(lie: Lie, error: type[ProtocolError]) -> None:
    pair = SessionPair().reach(State.CLOSING)
    receipt = receipt_of(pair.requester)
    with pytest.raises(error):
        pair.requester.receive(MessageKind.CLOSING, lie(pair), NOW + 100)
    assert pair.requester.state is State.ABORTED
    # The receipt was signed before, and no second one contradicts it.
    assert receipt_of(pair.requester) == receipt
    assert [outgoing.data.decode() for outgoing in drain(pair.requester)] == [receipt.envelope]
    with pytest.raises(RuntimeError):
        pair.requester.receive(MessageKind.CLOSING, closing(pair), NOW + 100)


DISPUTES: dict[str, dict[str, Any]] = {
    "transcripts": {"transcripts": Transcripts(requester=digest_of(b"x"), responder=digest_of(b"y"))},
    "elements charged": {"elements_charged": COUNT + 1},
    "acceptance": {"acceptance": digest_of(b"other")},
    "engine": {"engine": "vole"},
}


@pytest.mark.parametrize("changes", DISPUTES.values(), ids=DISPUTES.keys())
def test_receipts_that_differ_are_disputed_and_release_nothing(changes: dict[str, Any]) -> None:
    pair = SessionPair().reach(State.CLOSING)
    peer = peer_receipt(pair, **changes)
    assert pair.requester.receive(MessageKind.CLOSING, closing(pair, responder=peer), NOW + 100) == [
        Closed(Outcome.DISPUTED, peer, may_release=False)
    ]
    assert pair.requester.state is State.CLOSED


def test_a_premature_closing_ends_the_match_without_a_result() -> None:
    pair = SessionPair().reach(State.MATCHING)
    data = pair.broker.close(pair.requester.match_id, pair.grant.digest)
    assert pair.requester.receive(MessageKind.CLOSING, data, NOW + 100) == [
        Closed(Outcome.INCOMPLETE, None, may_release=False)
    ]
    assert pair.requester.state is State.CLOSED
    with pytest.raises(RuntimeError):
        pair.requester.finish(elements_charged=COUNT, custody=CUSTODY, now=NOW + 101)


def test_a_closing_with_a_receipt_that_this_side_did_not_sign() -> None:
    pair = SessionPair().reach(State.MATCHING)
    other = SessionPair(pair.broker).reach(State.CLOSING)
    data = pair.broker.close(pair.requester.match_id, pair.grant.digest, requester=receipt_of(other.requester))
    with pytest.raises(PeerViolation) as raised:
        pair.requester.receive(MessageKind.CLOSING, data, NOW + 100)
    assert raised.value.field == "receipts.requester"
    assert receipt_of(pair.requester).body.status is ReceiptStatus.ABORTED


def test_a_denied_match_has_no_receipts() -> None:
    pair = SessionPair().reach(State.CLOSING)
    other = SessionPair(pair.broker)
    other.requester.send()
    denial = other.broker.denial(other.request)
    other.requester.receive(MessageKind.DECISION, other.broker.decide(other.request, denial), NOW + 2)
    lie = peer_receipt(pair, match=other.requester.match_id, grant=denial.digest)
    data = pair.broker.close(other.requester.match_id, denial.digest, responder=lie, outcome=Outcome.DENIED)
    with pytest.raises(PeerViolation):
        other.requester.receive(MessageKind.CLOSING, data, NOW + 100)


def test_a_refusal_left_out_of_the_closing() -> None:
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.refuse(reasons=REASONS, policy=None, now=NOW + 10)
    data = pair.broker.close(pair.responder.match_id, pair.grant.digest)
    with pytest.raises(PeerViolation) as raised:
        pair.responder.receive(MessageKind.CLOSING, data, NOW + 100)
    assert raised.value.field == "refusal"


def test_a_refusal_may_come_after_the_time_to_answer() -> None:
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.refuse(reasons=REASONS, policy=None, now=NOW + 10)
    over = pair.grant.body.start_before
    data = pair.broker.close(pair.responder.match_id, pair.grant.digest, time=over)
    assert pair.responder.receive(MessageKind.CLOSING, data, over + 100) == [
        Closed(Outcome.INCOMPLETE, None, may_release=False)
    ]


def test_an_abort_may_come_too_late_for_the_closing() -> None:
    pair = SessionPair().reach(State.ACCEPTED)
    pair.requester.abort(now=NOW + 3700)
    data = pair.broker.close(pair.requester.match_id, pair.grant.digest)
    assert pair.requester.receive(MessageKind.CLOSING, data, NOW + 3800) == [
        Closed(Outcome.INCOMPLETE, None, may_release=False)
    ]


def test_a_refusal_may_come_too_late_for_a_requester_that_gave_up() -> None:
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.refuse(reasons=REASONS, policy=None, now=NOW + 10)
    pair.requester.abort(now=NOW + 10)
    gave_up = receipt_of(pair.requester)
    data = pair.broker.close(pair.responder.match_id, pair.grant.digest, requester=gave_up)
    assert pair.responder.receive(MessageKind.CLOSING, data, NOW + 100) == [
        Closed(Outcome.ABORTED, gave_up, may_release=False)
    ]
