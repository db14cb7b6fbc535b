"""Lies in the broker's decision, each named, told to both roles: refused with the name of what is wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.errors import (
    LimitExceeded,
    MalformedMessage,
    PeerViolation,
    ProofInvalid,
    ProtocolError,
    SignatureInvalid,
    UnsupportedVersion,
)
from tacita_protocol.session import MessageKind, RequesterSession, ResponderSession, State
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import SenderDecision
from tacita_protocol.statements.obligations import MAX_APPROVALS, strictest
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_protocol.statements.statement import Signed, payload_of
from tacita_protocol.statements.vocabulary import Mode, ResultTo, Role
from tests.support.memory_broker import BANK, BROKER, COUNT, NGO, NOW, OBLIGATIONS, POLICY, MemoryBroker, match_request
from tests.support.memory_log import INDEPENDENT_WITNESSES, MemoryLog, key_named
from tests.support.session_pair import SessionPair, drain, receipt_of, take

Lie = Callable[[SessionPair], bytes]


def grant_with(**changes: Any) -> Lie:
    """A grant that the broker signs and logs, deviating in these fields."""
    return lambda pair: pair.broker.decide(pair.request, pair.broker.grant(pair.request, **changes))


def obliging(**changes: Any) -> Lie:
    """A grant under obligations that deviate in these fields."""
    return grant_with(obligations=OBLIGATIONS.model_copy(update=changes))


def entry_saying(**items: str) -> Lie:
    """The honest grant, but the opening entry says something else."""
    return lambda pair: pair.broker.decide(pair.request, pair.grant, items=items)


def entry_made(**how: Any) -> Lie:
    """The honest grant in an honest entry, made at another time or witnessed by others."""
    return lambda pair: pair.broker.decide(pair.request, pair.grant, **how)


def edited(edit: Callable[[dict[str, Any]], object]) -> Lie:
    """The honest decision, edited as parsed JSON."""

    def lie(pair: SessionPair) -> bytes:
        body = json.loads(pair.broker.decide(pair.request, pair.grant))
        edit(body)
        return json.dumps(body).encode()

    return lie


def of_another_request(pair: SessionPair) -> bytes:
    other = match_request(pair.ephemeral, match=pair.request.body.match)
    return pair.broker.decide(pair.request, pair.broker.grant(other))


def of_another_match(pair: SessionPair) -> bytes:
    other = match_request(pair.ephemeral)
    return pair.broker.decide(other, pair.broker.grant(other))


def proven_by_the_entry_of_another_match(pair: SessionPair) -> bytes:
    other = match_request(pair.ephemeral)
    body = json.loads(pair.broker.decide(pair.request, pair.grant))
    body["logged"] = json.loads(pair.broker.decide(other, pair.broker.grant(other)))["logged"]
    return json.dumps(body).encode()


def in_another_log(pair: SessionPair) -> bytes:
    elsewhere = MemoryBroker(MemoryLog(origin="other.tacita.test", witnesses=(BANK, NGO), now=NOW))
    return elsewhere.decide(pair.request, pair.grant)


def with_a_duplicate_key(pair: SessionPair) -> bytes:
    return pair.broker.decide(pair.request, pair.grant).replace(b'{"decision"', b'{"decision":"x","decision"', 1)


def of_a_later_version(kind: str) -> Lie:
    """The decision under a payload type of version 2."""

    def lie(pair: SessionPair) -> bytes:
        decision: Signed[Grant] | Signed[Denial] = pair.grant if kind == "grant" else pair.broker.denial(pair.request)
        body = json.loads(pair.broker.decide(pair.request, decision))
        later = dsse.sign(f"application/vnd.tacita.{kind}.v2+json", payload_of(decision.body), key_named(BROKER))
        body["decision"] = later.decode("ascii")
        return json.dumps(body).encode()

    return lie


TABLE: dict[str, tuple[Lie, type[ProtocolError], str | None]] = {
    "swapped grant": (of_another_request, PeerViolation, "request"),
    "grant of another match": (of_another_match, PeerViolation, "match"),
    "grant of another broker": (grant_with(broker="broker-two"), PeerViolation, "broker"),
    "grant signed by the responder": (grant_with(signer=NGO), SignatureInvalid, None),
    "grant from the future": (
        grant_with(issued=NOW + 100, start_before=NOW + 700, finish_before=NOW + 700),
        PeerViolation,
        "issued",
    ),
    "expired grant": (grant_with(issued=NOW - 600, start_before=NOW), PeerViolation, "start_before"),
    "grant after the request expired": (
        lambda pair: pair.broker.decide(
            pair.request,
            pair.broker.grant(pair.request, issued=NOW + 301, start_before=NOW + 700),
        ),
        PeerViolation,
        "issued",
    ),
    "not the first common engine": (grant_with(engine="vole"), PeerViolation, "engine"),
    "engine that nobody asked for": (grant_with(engine="plain"), PeerViolation, "engine"),
    "no engine in common": (obliging(engines=("oprf",)), PeerViolation, "engine"),
    "another normaliser": (grant_with(normaliser="account/2"), PeerViolation, "normaliser"),
    "larger requester count": (grant_with(requester_count=182), PeerViolation, "requester_count"),
    "smaller requester count": (grant_with(requester_count=91), PeerViolation, "requester_count"),
    "another responder count": (grant_with(responder_count=64), PeerViolation, "responder_count"),
    "mode not allowed": (obliging(modes=()), PeerViolation, "obligations.modes"),
    "receiver not allowed": (obliging(result_to=(ResultTo.OWNER,)), PeerViolation, "obligations.result_to"),
    "approvals that nobody can show": (obliging(approvals=("officer",)), PeerViolation, "obligations.approvals"),
    "more elements than allowed": (obliging(max_elements=127), PeerViolation, "obligations.max_elements"),
    "proof without any cosignature": (entry_made(cosigners=()), ProofInvalid, None),
    "proof without quorum": (entry_made(cosigners=INDEPENDENT_WITNESSES[:1]), ProofInvalid, None),
    "quorum by the parties' witnesses": (entry_made(cosigners=(BANK, NGO)), ProofInvalid, None),
    "quorum that needs a party's witness": (
        entry_made(cosigners=(INDEPENDENT_WITNESSES[0], BANK)),
        ProofInvalid,
        None,
    ),
    "entry in another log": (in_another_log, ProofInvalid, None),
    "entry of another match": (proven_by_the_entry_of_another_match, ProofInvalid, None),
    "entry with another decision": (entry_saying(decision=digest_of(b"other")), ProofInvalid, None),
    "entry with another request": (entry_saying(request=digest_of(b"other")), ProofInvalid, None),
    "entry with another policy": (entry_saying(policy=digest_of(b"other")), ProofInvalid, None),
    "entry with another responder": (entry_saying(responder="somebody"), ProofInvalid, None),
    "entry of another type": (entry_saying(type="closing"), ProofInvalid, None),
    "entry with one item more": (entry_saying(note="more"), ProofInvalid, None),
    "entry from yesterday": (entry_made(time=NOW - 86_400), ProofInvalid, None),
    "entry from tomorrow": (entry_made(time=NOW + 86_400), ProofInvalid, None),
    "disclosure withheld": (edited(lambda body: body["logged"]["disclosures"].pop()), ProofInvalid, None),
    "disclosure of another entry": (
        edited(lambda body: body["logged"]["disclosures"].append("WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwiYSIsImIiXQ")),
        ProofInvalid,
        None,
    ),
    "unknown field": (edited(lambda body: body.update(extra=1)), MalformedMessage, None),
    "missing proof": (edited(lambda body: body["logged"].pop("proof")), MalformedMessage, "logged.proof"),
    "duplicate key": (with_a_duplicate_key, MalformedMessage, None),
    "a grant of a later version": (of_a_later_version("grant"), UnsupportedVersion, "payloadType"),
    "a denial of a later version": (of_a_later_version("denial"), UnsupportedVersion, "payloadType"),
    "not JSON": (lambda _pair: b"grant", MalformedMessage, None),
}


@pytest.mark.parametrize("role", ["requester", "responder"])
@pytest.mark.parametrize(("lie", "error", "field"), TABLE.values(), ids=TABLE.keys())
def test_a_lie_ends_the_session_with_a_receipt(
    lie: Lie, error: type[ProtocolError], field: str | None, role: str
) -> None:
    pair = SessionPair()
    take(pair.requester, MessageKind.REQUEST)
    session: RequesterSession | ResponderSession = pair.requester if role == "requester" else pair.responder
    with pytest.raises(error) as raised:
        session.receive(MessageKind.DECISION, lie(pair), NOW + 2)
    if field is not None:
        assert getattr(raised.value, "field", None) == field
    assert session.state is State.ABORTED
    assert [outgoing.kind for outgoing in drain(session)] == [MessageKind.RECEIPT]
    receipt = receipt_of(session).body
    assert (receipt.status, receipt.step, receipt.grant) == (ReceiptStatus.ABORTED, "requested", None)


def test_the_responder_takes_no_denial() -> None:
    pair = SessionPair()
    data = pair.broker.decide(pair.request, pair.broker.denial(pair.request))
    with pytest.raises(PeerViolation) as raised:
        pair.responder.receive(MessageKind.DECISION, data, NOW + 2)
    assert raised.value.field == "decision"
    assert pair.responder.state is State.ABORTED


def test_a_denial_needs_its_entry_too() -> None:
    pair = SessionPair()
    take(pair.requester, MessageKind.REQUEST)
    data = pair.broker.decide(pair.request, pair.broker.denial(pair.request), items={"decision": pair.grant.digest})
    with pytest.raises(ProofInvalid):
        pair.requester.receive(MessageKind.DECISION, data, NOW + 2)


@pytest.mark.parametrize("role", ["requester", "responder"])
def test_approvals_that_together_are_too_many_end_the_session(role: str) -> None:
    """Each list is as long as a statement may have it; no statement can say both."""
    theirs, others = (tuple(f"{whose}-{i}" for i in range(MAX_APPROVALS)) for whose in ("bank", "broker"))
    demanding = SenderDecision(policy=POLICY, obligations=OBLIGATIONS.model_copy(update={"approvals": theirs}))
    pair = SessionPair(request={"result_to": ResultTo.OWNER, "sender_decision": demanding})
    take(pair.requester, MessageKind.REQUEST)
    session: RequesterSession | ResponderSession = pair.requester if role == "requester" else pair.responder
    with pytest.raises(LimitExceeded):
        session.receive(MessageKind.DECISION, obliging(approvals=others)(pair), NOW + 2)
    assert session.state is State.ABORTED


# Lies about a match that tests the requester's set: its own node's demands travel in the request.
DEMANDED = OBLIGATIONS.model_copy(update={"suppress_below": 5, "max_elements": 2**20, "engines": ("ecdh",)})
TESTED: dict[str, tuple[dict[str, Any], str | None]] = {
    "as demanded": ({"obligations": strictest(OBLIGATIONS, DEMANDED)}, None),
    "more than demanded": (
        {"obligations": strictest(OBLIGATIONS, DEMANDED).model_copy(update={"suppress_below": 9})},
        None,
    ),
    "the requester's demands ignored": ({"obligations": OBLIGATIONS}, "obligations"),
    "the requester's demands kept but for one": (
        {"obligations": strictest(OBLIGATIONS, DEMANDED).model_copy(update={"suppress_below": 4})},
        "obligations",
    ),
    "the counts swapped": (
        {"obligations": DEMANDED, "requester_count": 1024, "responder_count": COUNT},
        "requester_count",
    ),
    "the requester's count for both": ({"obligations": DEMANDED, "responder_count": COUNT}, "responder_count"),
    "the responder's count for both": ({"obligations": DEMANDED, "requester_count": 1024}, "requester_count"),
    "more elements of the owner than allowed": (
        {"obligations": DEMANDED.model_copy(update={"max_elements": 1023})},
        "obligations.max_elements",
    ),
    "a result for the requester only": (
        {"obligations": DEMANDED.model_copy(update={"result_to": (ResultTo.REQUESTER,)})},
        "obligations.result_to",
    ),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("result_to", [ResultTo.OWNER, ResultTo.BOTH])
@pytest.mark.parametrize(("grant", "field"), TESTED.values(), ids=TESTED.keys())
def test_a_grant_keeps_what_the_requester_demands_for_its_own_set(
    grant: dict[str, Any], field: str | None, result_to: ResultTo, role: Role
) -> None:
    decision = SenderDecision(policy=POLICY, obligations=DEMANDED)
    pair = SessionPair(
        MemoryBroker(responder_count=1024), request={"result_to": result_to, "sender_decision": decision}
    )
    take(pair.requester, MessageKind.REQUEST)
    session = pair.session_of(role)
    data = pair.broker.decide(pair.request, pair.broker.grant(pair.request, **grant))
    if field is None:
        session.receive(MessageKind.DECISION, data, NOW + 2)
        assert session.state is State.GRANTED
        return
    with pytest.raises(PeerViolation) as raised:
        session.receive(MessageKind.DECISION, data, NOW + 2)
    assert raised.value.field == field
    assert session.state is State.ABORTED


@pytest.mark.parametrize("role", Role)
def test_a_grant_for_another_receiver_is_one_for_another_request(role: Role) -> None:
    """Who learns stands in the request alone, which the grant and the log's entry cite by digest."""
    pair = SessionPair()
    take(pair.requester, MessageKind.REQUEST)
    changed = match_request(pair.ephemeral, match=pair.request.body.match, result_to=ResultTo.BOTH)
    with pytest.raises(PeerViolation) as raised:
        pair.session_of(role).receive(
            MessageKind.DECISION, pair.broker.decide(changed, pair.broker.grant(changed)), NOW + 2
        )
    assert raised.value.field == "request"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("mode", "offered", "engine"),
    [
        (Mode.INTERSECTION, ("ecdh",), "vole"),  # not on the dataset's card
        (Mode.CARDINALITY, ("ecdh", "vole"), "vole"),  # cannot count
        (Mode.INTERSECTION, (), "ecdh"),
    ],
)
def test_an_engine_that_cannot_serve_the_match_is_refused(
    mode: Mode, offered: tuple[str, ...], engine: str, role: Role
) -> None:
    pair = SessionPair(request={"engines": ("vole", "ecdh"), "mode": mode}, responder_engines=offered)
    take(pair.requester, MessageKind.REQUEST)
    data = pair.broker.decide(pair.request, pair.broker.grant(pair.request, engine=engine))
    with pytest.raises(PeerViolation) as raised:
        pair.session_of(role).receive(MessageKind.DECISION, data, NOW + 2)
    assert raised.value.field == "engine"


REQUESTS: dict[str, tuple[dict[str, Any], type[ProtocolError], str | None]] = {
    "to another responder": ({"responder": "somebody"}, PeerViolation, "responder"),
    "in another partner's name": ({"requester": "somebody"}, PeerViolation, "requester"),
}


@pytest.mark.parametrize(("changes", "error", "field"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_responder_makes_no_session_from_a_request(
    changes: dict[str, Any], error: type[ProtocolError], field: str | None
) -> None:
    pair = SessionPair()
    request = match_request(pair.ephemeral, **changes)
    with pytest.raises(error) as raised:
        ResponderSession(pair.context(NGO, BANK), request.envelope)
    assert getattr(raised.value, "field", None) == field


def test_a_responder_makes_no_session_from_a_foreign_signature() -> None:
    pair = SessionPair()
    context = pair.context(NGO, BANK, peer_key=pair.context(BANK, "somebody").peer_key)
    with pytest.raises(SignatureInvalid):
        ResponderSession(context, pair.request.envelope)
