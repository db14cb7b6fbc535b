"""A broker in memory: it decides, logs and closes one match, truly or as it is told to lie."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tacita_protocol.api import LoggedClosing, LoggedDecision, Receipts
from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.acceptance import Refusal
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import Outcome, closing_items, opening_items, outcome_of
from tacita_protocol.statements.match import MatchRequest, SenderDecision
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed, digest_or_none, sign_statement
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tests.support.memory_log import MemoryLog, key_named

NOW = 1_800_000_000
BANK = "first-bank"
NGO = "safe-harbour"
BROKER = "broker-one"
CUSTODY = digest_of(b"salted custody head")
POLICY = digest_of(b"policy bundle")
COUNT = 128

OBLIGATIONS = Obligations(
    modes=tuple(Mode),
    engines=("vole", "ecdh"),
    result_to=tuple(ResultTo),
    max_elements=2**22,
    suppress_below=0,
    round_to=1,
    labels=(),
    approvals=(),
    retention_days=30,
    expires_in=3600,
)
SENDER_DECISION = SenderDecision(policy=POLICY, obligations=OBLIGATIONS)
REASONS = (Reason(code="no-agreement", message="There is no agreement that covers this question."),)


def match_request(ephemeral: SealingKey, **changes: Any) -> Signed[MatchRequest]:
    """The bank's request to the NGO, signed by the bank."""
    fields: dict[str, Any] = {
        "match": random_hex(16),
        "agreement": digest_of(b"agreement"),
        "requester": BANK,
        "responder": NGO,
        "dataset": "accounts",
        "epoch": 3,
        "kind": Kind.ACCOUNT,
        "normaliser": "account/1",
        "mode": Mode.INTERSECTION,
        "result_to": ResultTo.REQUESTER,
        "engines": ("ecdh",),
        "padded_count": COUNT,
        "commitment": digest_of(b"commitment"),
        "sender_decision": None,
        "purpose": "payment-screening",
        "legal_basis": "gdpr-6-1-f",
        "case_reference": digest_of(b"case"),
        "ephemeral_key": ephemeral.public_key.text,
        "nonce": random_hex(16),
        "issued": NOW,
        "expires": NOW + 300,
    }
    if changes.get("result_to", ResultTo.REQUESTER) is not ResultTo.REQUESTER:
        fields["sender_decision"] = SENDER_DECISION
    return sign_statement(MatchRequest(**fields | changes), key_named(BANK))


@dataclass
class MemoryBroker:
    """Decides, logs and closes; every part of what it says can be replaced by a lie."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(witnesses=(BANK, NGO), threshold=2, now=NOW))
    responder_count: int = COUNT
    now: int = NOW

    def grant(self, request: Signed[MatchRequest], *, signer: str = BROKER, **changes: Any) -> Signed[Grant]:
        """A grant for this request, or one that deviates in the named fields."""
        fields: dict[str, Any] = {
            "match": request.body.match,
            "request": request.digest,
            "broker": BROKER,
            "policy": POLICY,
            "obligations": OBLIGATIONS,
            "engine": "ecdh",
            "normaliser": request.body.normaliser,
            "requester_count": request.body.padded_count,
            "responder_count": self.responder_count,
            "issued": self.now + 1,
            "start_before": self.now + 601,
            "finish_before": self.now + 3601,
        }
        return sign_statement(Grant(**fields | changes), key_named(signer))

    def denial(self, request: Signed[MatchRequest]) -> Signed[Denial]:
        """A denial of this request."""
        body = Denial(
            match=request.body.match,
            request=request.digest,
            broker=BROKER,
            policy=POLICY,
            reasons=REASONS,
            issued=self.now + 1,
        )
        return sign_statement(body, key_named(BROKER))

    def decide(
        self,
        request: Signed[MatchRequest],
        decision: Signed[Grant] | Signed[Denial],
        *,
        cosigners: Iterable[str] | None = None,
        time: int = NOW,
        items: Mapping[str, str] | None = None,
    ) -> bytes:
        """The decision with its opening entry, as JSON; `items` replace or add what the entry discloses."""
        logged = self.log.log_match_entry(
            opening_items(request, decision) | dict(items or {}), time=time, cosigners=cosigners
        )
        return LoggedDecision(decision=decision.envelope, logged=logged).model_dump_json().encode()

    def close(
        self,
        match: str,
        decision: Digest,
        *,
        requester: Signed[Receipt] | None = None,
        responder: Signed[Receipt] | None = None,
        refusal: Signed[Refusal] | None = None,
        outcome: Outcome | None = None,
        cosigners: Iterable[str] | None = None,
        time: int = NOW,
        items: Mapping[str, str] | None = None,
    ) -> bytes:
        """The closing, as JSON, with the outcome that follows from the receipts unless another is given."""
        if outcome is None:
            received = outcome_of(requester.body if requester else None, responder.body if responder else None)
            outcome = Outcome.REFUSED if refusal else received
        entry = closing_items(
            match,
            decision,
            outcome,
            requester_receipt=digest_or_none(requester),
            responder_receipt=digest_or_none(responder),
            refusal=digest_or_none(refusal),
        )
        body = LoggedClosing(
            logged=self.log.log_match_entry(entry | dict(items or {}), time=time, cosigners=cosigners),
            receipts=Receipts(
                requester=requester.envelope if requester else None,
                responder=responder.envelope if responder else None,
            ),
            refusal=refusal.envelope if refusal else None,
        )
        return body.model_dump_json().encode()
