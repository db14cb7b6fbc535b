"""Verifying the closing of a match: what did the broker record, and may a result be released on it?"""

from dataclasses import dataclass

from tacita_protocol.api import MAX_BODY_BYTES, LoggedClosing
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.errors import PeerViolation, ProofInvalid
from tacita_protocol.session.states import MAX_CLOCK_SKEW, SessionContext
from tacita_protocol.statements.acceptance import Refusal
from tacita_protocol.statements.logged import Outcome, closing_items, outcome_of
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.statement import Signed, digest_or_none, parse_part, verify_statement
from tacita_protocol.statements.vocabulary import Role
from tacita_protocol.tlog.entry import COARSE_SECONDS

RELEASING = frozenset((Outcome.COMPLETED, Outcome.INCOMPLETE))
"""Outcomes that do not contradict a side's own completed receipt."""


@dataclass(frozen=True)
class MatchFacts:
    """What a session knows of its match when the closing arrives."""

    match: str
    role: Role
    decision: Digest
    start_before: int | None
    """Until when the grant could be answered; None for a denial."""
    refusal: Signed[Refusal] | None
    receipt: Signed[Receipt] | None
    """This side's own, if it has signed one."""

    @property
    def denied(self) -> bool:
        """Whether the decision is a denial."""
        return self.start_before is None


@dataclass(frozen=True)
class VerifiedClosing:
    """A closing that holds, in the log and in itself."""

    outcome: Outcome
    peer_receipt: Signed[Receipt] | None
    may_release: bool


def verify_closing(data: bytes, *, context: SessionContext, facts: MatchFacts, now: int) -> VerifiedClosing:
    """The closing in `data` (JSON of `LoggedClosing`), if it holds in every respect.

    Raises `MalformedMessage`, `SignatureInvalid`, `ProofInvalid`, `LimitExceeded`, or `PeerViolation` with
    the name of the field.
    """
    body = parse_part(LoggedClosing, data, what="closing", max_bytes=MAX_BODY_BYTES)
    asked = facts.role is Role.REQUESTER
    own_envelope, peer_envelope = body.receipts.requester, body.receipts.responder
    if not asked:
        own_envelope, peer_envelope = peer_envelope, own_envelope
    # 1. This side's receipt, unchanged.
    own = _own_receipt(own_envelope, facts)
    # 2. The peer's receipt, if it is in: signed by the peer, about this match.
    peer = _peer_receipt(peer_envelope, context, facts)
    # 3. The refusal, if there is one.
    refusal = _refusal(body.refusal, context, facts)
    # 4. The outcome follows from these.
    requester, responder = (own, peer) if asked else (peer, own)
    if facts.denied:
        if own or peer or refusal:
            raise PeerViolation("a denied match has neither receipts nor a refusal", field="receipts")
        outcome = Outcome.DENIED
    elif refusal:
        outcome = Outcome.REFUSED
    else:
        outcome = outcome_of(requester.body if requester else None, responder.body if responder else None)
    # 5. The log says exactly that, witnessed by others than the two parties.
    opened = body.logged.verify(context.trust, excluded=context.parties)
    expected = closing_items(
        facts.match,
        facts.decision,
        outcome,
        requester_receipt=digest_or_none(requester),
        responder_receipt=digest_or_none(responder),
        refusal=digest_or_none(refusal),
    )
    if opened.items != expected:
        raise ProofInvalid("the closing entry does not record this end of this match")
    if opened.time > now + MAX_CLOCK_SKEW:
        raise ProofInvalid("the closing entry comes from the future")
    if facts.refusal and refusal is None:
        _check_too_late(facts, opened.time, peer)
    completed = own is not None and own.body.status is ReceiptStatus.COMPLETED
    return VerifiedClosing(outcome, peer, may_release=completed and outcome in RELEASING)


def _own_receipt(envelope: str | None, facts: MatchFacts) -> Signed[Receipt] | None:
    if envelope is None:
        # An abort may come too late for the closing; whoever completed needs its receipt in the record.
        if facts.receipt and facts.receipt.body.status is ReceiptStatus.COMPLETED:
            raise PeerViolation("this side's receipt is not in the closing", field=f"receipts.{facts.role}")
        return None
    if facts.receipt is None or envelope != facts.receipt.envelope:
        raise PeerViolation("not the receipt that this side signed", field=f"receipts.{facts.role}")
    return facts.receipt


def _peer_receipt(envelope: str | None, context: SessionContext, facts: MatchFacts) -> Signed[Receipt] | None:
    if envelope is None:
        return None
    peer_role = Role.RESPONDER if facts.role is Role.REQUESTER else Role.REQUESTER
    field = f"receipts.{peer_role}"
    receipt = verify_statement(Receipt, envelope, context.peer_key)
    said = receipt.body
    if said.match != facts.match or said.role is not peer_role or said.partner != context.peer:
        raise PeerViolation("the peer's receipt is about another match or role", field=field)
    if said.grant not in (None, facts.decision):
        raise PeerViolation("the peer's receipt cites another grant", field=field)
    return receipt


def _refusal(envelope: str | None, context: SessionContext, facts: MatchFacts) -> Signed[Refusal] | None:
    if envelope is None:
        return None
    if facts.refusal:
        if envelope != facts.refusal.envelope:
            raise PeerViolation("not the refusal of this match", field="refusal")
        return facts.refusal
    if facts.role is Role.RESPONDER:
        raise PeerViolation("this side has refused nothing", field="refusal")
    return verify_refusal(envelope, context=context, match=facts.match, grant=facts.decision)


def _check_too_late(facts: MatchFacts, closed: int, peer: Signed[Receipt] | None) -> None:
    """A refusal is left out only where it came too late: the requester had given up, or the time to answer was over."""
    if peer is not None and peer.body.status is ReceiptStatus.ABORTED:
        return
    in_time = facts.start_before is None or closed + COARSE_SECONDS <= facts.start_before
    if facts.role is Role.REQUESTER or in_time:  # a requester has seen it at the broker
        raise PeerViolation("the refusal is not in the closing", field="refusal")


def verify_refusal(envelope: str | bytes, *, context: SessionContext, match: str, grant: Digest) -> Signed[Refusal]:
    """The responder's refusal of this grant, as the requester reads it."""
    refusal = verify_statement(Refusal, envelope, context.peer_key)
    said = refusal.body
    if said.match != match or said.grant != grant or said.responder != context.peer:
        raise PeerViolation("the refusal is about another match", field="refusal")
    return refusal
