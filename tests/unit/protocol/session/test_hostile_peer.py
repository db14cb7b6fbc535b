"""Lies in the peer's acceptance, refusal and opening: refused with the name of what is wrong, and receipted."""

from collections.abc import Callable
from typing import Any

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SealingKey, SealingPublicKey
from tacita_protocol.errors import DecryptionFailed, MalformedMessage, PeerViolation, ProtocolError, SignatureInvalid
from tacita_protocol.session import MessageKind, State
from tacita_protocol.session.keys import seal_secret
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.statement import payload_of, sign_statement, unverified
from tacita_protocol.statements.vocabulary import Role
from tests.support.memory_broker import BANK, NGO, NOW, OBLIGATIONS, POLICY, REASONS
from tests.support.memory_log import key_named
from tests.support.session_pair import SessionPair, drain, receipt_of, take

Lie = Callable[[SessionPair], bytes]
SECRET = bytes(32)


def acceptance_with(*, signer: str = NGO, **changes: Any) -> Lie:
    """The responder's acceptance, deviating in these fields and signed again."""

    def lie(pair: SessionPair) -> bytes:
        pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10)
        honest = unverified(Acceptance, take(pair.responder, MessageKind.ACCEPTANCE).data)
        return sign_statement(honest.model_copy(update=changes), key_named(signer)).envelope.encode()

    return lie


def acceptance_sealing(
    secret: bytes = SECRET,
    *,
    to: Callable[[SessionPair], SealingPublicKey] = lambda pair: pair.ephemeral.public_key,
    role: Role = Role.RESPONDER,
    match: str | None = None,
    sender: str = NGO,
) -> Lie:
    """An acceptance whose secret was sealed in another context."""

    def lie(pair: SessionPair) -> bytes:
        match_id = bytes.fromhex(match or pair.request.body.match)
        sealed = seal_secret(secret, to(pair), role=role, match_id=match_id, sender=sender)
        return acceptance_with(sealed_secret=sealed)(pair)

    return lie


ACCEPTANCES: dict[str, tuple[Lie, type[ProtocolError], str | None]] = {
    "foreign signature": (acceptance_with(signer=BANK), SignatureInvalid, None),
    "of another match": (acceptance_with(match="0" * 32), PeerViolation, "match"),
    "by another responder": (acceptance_with(responder="somebody"), PeerViolation, "match"),
    "of another grant": (acceptance_with(grant=digest_of(b"other")), PeerViolation, "grant"),
    "issued before the grant": (acceptance_with(issued=NOW - 100), PeerViolation, "issued"),
    "issued in the future": (acceptance_with(issued=NOW + 100), PeerViolation, "issued"),
    "obligations without the engine": (
        acceptance_with(obligations=OBLIGATIONS.model_copy(update={"engines": ("vole",)})),
        PeerViolation,
        "obligations.engines",
    ),
    "obligations with approvals that nobody can show": (
        acceptance_with(obligations=OBLIGATIONS.model_copy(update={"approvals": ("officer",)})),
        PeerViolation,
        "obligations.approvals",
    ),
    "obligations with fewer elements": (
        acceptance_with(obligations=OBLIGATIONS.model_copy(update={"max_elements": 127})),
        PeerViolation,
        "obligations.max_elements",
    ),
    "secret sealed to another key": (
        acceptance_sealing(to=lambda _pair: SealingKey.generate().public_key),
        DecryptionFailed,
        None,
    ),
    "secret sealed for the other role": (acceptance_sealing(role=Role.REQUESTER), DecryptionFailed, None),
    "secret sealed for another match": (acceptance_sealing(match="0" * 32), DecryptionFailed, None),
    "secret sealed in another's name": (acceptance_sealing(sender="somebody"), DecryptionFailed, None),
    "short secret": (acceptance_sealing(bytes(16)), MalformedMessage, "sealed_secret"),
    "a refusal instead": (
        lambda pair: sign_statement(
            Refusal(
                match=pair.request.body.match,
                grant=pair.grant.digest,
                responder=NGO,
                policy=None,
                reasons=REASONS,
                issued=NOW,
            ),
            key_named(NGO),
        ).envelope.encode(),
        SignatureInvalid,
        None,
    ),
}


@pytest.mark.parametrize(("lie", "error", "field"), ACCEPTANCES.values(), ids=ACCEPTANCES.keys())
def test_the_requester_refuses_an_acceptance(lie: Lie, error: type[ProtocolError], field: str | None) -> None:
    pair = SessionPair().reach(State.GRANTED)
    with pytest.raises(error) as raised:
        pair.requester.receive(MessageKind.ACCEPTANCE, lie(pair), NOW + 11)
    assert getattr(raised.value, "field", None) == field
    assert pair.requester.state is State.ABORTED
    assert [outgoing.kind for outgoing in drain(pair.requester)] == [MessageKind.RECEIPT]
    receipt = receipt_of(pair.requester).body
    assert (receipt.step, receipt.grant) == ("granted", pair.grant.digest)
    assert pair.requester._ephemeral is None


def opening_with(*, signer: str = BANK, **changes: Any) -> Lie:
    """The requester's opening, deviating in these fields and signed again."""

    def lie(pair: SessionPair) -> bytes:
        honest = unverified(Open, take(pair.requester, MessageKind.OPEN).data)
        return sign_statement(honest.model_copy(update=changes), key_named(signer)).envelope.encode()

    return lie


def opening_sealing(*, role: Role = Role.REQUESTER, match: str | None = None, sender: str = BANK) -> Lie:
    """An opening whose secret was sealed in another context."""

    def lie(pair: SessionPair) -> bytes:
        assert pair.responder._ephemeral is not None
        match_id = bytes.fromhex(match or pair.request.body.match)
        key = pair.responder._ephemeral.public_key
        sealed = seal_secret(SECRET, key, role=role, match_id=match_id, sender=sender)
        return opening_with(sealed_secret=sealed)(pair)

    return lie


def reflected_secret(pair: SessionPair) -> bytes:
    """The responder's own sealed secret comes back to it."""
    assert pair.responder._acceptance is not None
    return opening_with(sealed_secret=pair.responder._acceptance.body.sealed_secret)(pair)


OPENINGS: dict[str, tuple[Lie, type[ProtocolError], str | None]] = {
    "foreign signature": (opening_with(signer=NGO), SignatureInvalid, None),
    "of another match": (opening_with(match="0" * 32), PeerViolation, "match"),
    "by another requester": (opening_with(requester="somebody"), PeerViolation, "match"),
    "of another acceptance": (opening_with(acceptance=digest_of(b"other")), PeerViolation, "acceptance"),
    "issued before the acceptance": (opening_with(issued=NOW - 100), PeerViolation, "issued"),
    "issued in the future": (opening_with(issued=NOW + 100), PeerViolation, "issued"),
    "secret sealed for the other role": (opening_sealing(role=Role.RESPONDER), DecryptionFailed, None),
    "secret sealed for another match": (opening_sealing(match="0" * 32), DecryptionFailed, None),
    "secret sealed in another's name": (opening_sealing(sender="somebody"), DecryptionFailed, None),
    "the responder's own secret": (reflected_secret, DecryptionFailed, None),
}


@pytest.mark.parametrize(("lie", "error", "field"), OPENINGS.values(), ids=OPENINGS.keys())
def test_the_responder_refuses_an_opening(lie: Lie, error: type[ProtocolError], field: str | None) -> None:
    pair = SessionPair().reach(State.ACCEPTED)
    with pytest.raises(error) as raised:
        pair.responder.receive(MessageKind.OPEN, lie(pair), NOW + 12)
    assert getattr(raised.value, "field", None) == field
    assert pair.responder.state is State.ABORTED
    assert [outgoing.kind for outgoing in drain(pair.responder)] == [MessageKind.RECEIPT]
    assert receipt_of(pair.responder).body.step == "accepted"
    assert pair.responder._ephemeral is None
    assert pair.responder._secret is None


@pytest.mark.parametrize(
    "changes",
    [{"match": "0" * 32}, {"grant": digest_of(b"other")}, {"responder": "somebody"}],
    ids=["of another match", "of another grant", "by another responder"],
)
def test_the_requester_refuses_a_refusal(changes: dict[str, Any]) -> None:
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.refuse(reasons=REASONS, policy=POLICY, now=NOW + 10)
    honest = unverified(Refusal, take(pair.responder, MessageKind.REFUSAL).data)
    lie = sign_statement(honest.model_copy(update=changes), key_named(NGO))
    with pytest.raises(PeerViolation):
        pair.requester.receive(MessageKind.REFUSAL, lie.envelope.encode(), NOW + 11)
    assert pair.requester.state is State.ABORTED


def test_nothing_is_accepted_after_the_grant_has_expired() -> None:
    pair = SessionPair().reach(State.GRANTED)
    with pytest.raises(PeerViolation) as raised:
        pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=pair.grant.body.start_before)
    assert raised.value.field == "start_before"
    assert pair.responder.state is State.ABORTED
    assert [outgoing.kind for outgoing in drain(pair.responder)] == [MessageKind.RECEIPT]


@pytest.mark.parametrize("expires_in", [3600, 60])
def test_nothing_passes_after_the_deadline(expires_in: int) -> None:
    pair = SessionPair().reach(State.GRANTED)
    obligations = OBLIGATIONS.model_copy(update={"expires_in": expires_in})
    pair.responder.accept(policy=POLICY, obligations=obligations, partitions=1, now=NOW + 10)
    acceptance = take(pair.responder, MessageKind.ACCEPTANCE)
    pair.requester.receive(MessageKind.ACCEPTANCE, acceptance.data, NOW + 11)
    opening = take(pair.requester, MessageKind.OPEN)
    late = min(NOW + 1 + 3600, NOW + 10 + expires_in) + 1
    with pytest.raises(PeerViolation) as raised:
        pair.responder.receive(MessageKind.OPEN, opening.data, late)
    assert raised.value.field == "finish_before"
    confirmation = take(pair.requester, MessageKind.FRAME)
    with pytest.raises(PeerViolation):
        pair.requester.receive(MessageKind.FRAME, confirmation.data, late)


def test_an_acceptance_is_canonical_json() -> None:
    """The payload is what it says, so a second form of the same statement is no acceptance."""
    pair = SessionPair().reach(State.GRANTED)
    pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10)
    assert pair.responder._acceptance is not None
    payload = payload_of(pair.responder._acceptance.body)
    assert payload.startswith(b'{"ephemeral_key"')
    assert b" " not in payload


def test_own_obligations_that_forbid_the_match_are_a_mistake_of_the_driver() -> None:
    pair = SessionPair().reach(State.GRANTED)
    with pytest.raises(ValueError, match="refuse"):
        pair.responder.accept(
            policy=POLICY,
            obligations=OBLIGATIONS.model_copy(update={"max_elements": 0}),
            partitions=1,
            now=NOW + 10,
        )
    assert pair.responder.state is State.GRANTED
    assert drain(pair.responder) == []
