"""The statements of one exported match, verified one by one: who signed what. How they fit together is in `matches`."""

from dataclasses import dataclass, field

from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.statement import S, Signed, claims, unverified, verify_statement
from tacita_protocol.statements.vocabulary import Role
from tacita_protocol.tlog.entry import LoggedEntry
from tacita_sdk.audit_export import AuditExport, ExportedMatch
from tacita_sdk.verify.cards import Cards


@dataclass
class MatchEvidence:
    """One match of one export, with every signature on its statements verified."""

    exporter: str
    match: str
    role: Role
    request: Signed[MatchRequest]
    decision: Signed[Grant] | Signed[Denial] | None
    acceptance: Signed[Acceptance] | None
    refusal: Signed[Refusal] | None
    open: Signed[Open] | None
    opening: LoggedEntry | None
    closing: LoggedEntry | None
    receipts: dict[Role, Signed[Receipt]] = field(default_factory=dict)
    """Those that the closing covers."""
    own_receipt: Signed[Receipt] | None = None
    opened_at: int = 0
    closed_at: int = 0
    """Coarse times of the two entries, unix seconds, once they are verified."""

    @property
    def about(self) -> str:
        """How messages name this piece of evidence."""
        return f"match {self.match} in the export of {self.exporter}"

    @property
    def grant(self) -> Signed[Grant] | None:
        """The decision, if it is a grant."""
        if self.decision is None or not isinstance(self.decision.body, Grant):
            return None
        return Signed(self.decision.envelope, self.decision.body, self.decision.digest, self.decision.envelope_digest)


def read_statements(export: AuditExport, exported: ExportedMatch, cards: Cards) -> MatchEvidence:
    """Verify request, decision, acceptance, refusal and open. Raises a ProtocolError."""
    claimed = unverified(MatchRequest, exported.request)
    request = cards.verify(MatchRequest, exported.request, claimed.requester)
    requester, responder = request.body.requester, request.body.responder
    role = Role(exported.role)
    own = request.body.requester if role is Role.REQUESTER else request.body.responder
    if request.body.match != exported.match or own != export.partner:
        raise PeerViolation("the request is of another match, or the exporter had another role", field="request")
    return MatchEvidence(
        exporter=export.partner,
        match=exported.match,
        role=role,
        request=request,
        decision=_decision(exported, VerifyKey.from_text(export.broker_key)),
        acceptance=_optional(cards, Acceptance, exported.acceptance, responder),
        refusal=_optional(cards, Refusal, exported.refusal, responder),
        open=_optional(cards, Open, exported.open, requester),
        opening=exported.decision.logged if exported.decision else None,
        closing=exported.closing.logged if exported.closing else None,
    )


def read_receipts(match: MatchEvidence, exported: ExportedMatch, cards: Cards) -> None:
    """Verify the receipts under the closing, the exporter's own, and the refusal there. Raises a ProtocolError."""
    partners = {Role.REQUESTER: match.request.body.requester, Role.RESPONDER: match.request.body.responder}

    def read(envelope: str, role: Role) -> Signed[Receipt]:
        receipt = cards.verify(Receipt, envelope, partners[role])
        if receipt.body.match != match.match or (receipt.body.role, receipt.body.partner) != (role, partners[role]):
            raise PeerViolation("a receipt is of another match, role or partner", field="receipts")
        return receipt

    if exported.receipt is not None:
        match.own_receipt = read(exported.receipt, match.role)
    if exported.closing is None:
        return
    for role, envelope in (
        (Role.REQUESTER, exported.closing.receipts.requester),
        (Role.RESPONDER, exported.closing.receipts.responder),
    ):
        if envelope is not None:
            match.receipts[role] = read(envelope, role)
    covered = match.receipts.get(match.role)
    if covered is not None and match.own_receipt is not None and covered.digest != match.own_receipt.digest:
        raise PeerViolation("the closing covers another receipt than the exporter sent", field="receipts")
    if exported.closing.refusal is not None:
        covered_refusal = cards.verify(Refusal, exported.closing.refusal, partners[Role.RESPONDER])
        if match.refusal is not None and match.refusal.digest != covered_refusal.digest:
            raise PeerViolation("the closing covers another refusal than the match had", field="refusal")
        match.refusal = covered_refusal
    elif match.role is Role.RESPONDER or _given_up(match):
        # It came too late: the requester had given up, or the time to answer was over (which the outcome needs).
        match.refusal = None


def _given_up(match: MatchEvidence) -> bool:
    receipt = match.receipts.get(Role.REQUESTER)
    return receipt is not None and receipt.body.status is ReceiptStatus.ABORTED


def _decision(exported: ExportedMatch, broker: VerifyKey) -> Signed[Grant] | Signed[Denial] | None:
    if exported.decision is None:
        return None
    envelope = exported.decision.decision
    if claims(Denial, envelope):
        return verify_statement(Denial, envelope, broker)
    return verify_statement(Grant, envelope, broker)


def _optional(cards: Cards, cls: type[S], envelope: str | None, partner: str) -> Signed[S] | None:
    return None if envelope is None else cards.verify(cls, envelope, partner)
