"""What the two log entries of a match disclose to its parties, and what outcome a closing must name.

Shared by the broker, which writes the entries, and the nodes, which demand exactly this. `tlog.entry` has the form of
entries; here is their content.
"""

from enum import StrEnum

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.statement import Signed

NONE = ""
"""Value of an item for a statement that does not exist."""


class Outcome(StrEnum):
    """How a match ended, as its closing entry says."""

    COMPLETED = "completed"
    ABORTED = "aborted"
    REFUSED = "refused"
    DENIED = "denied"
    INCOMPLETE = "incomplete"
    """The deadline passed and a receipt is missing."""
    DISPUTED = "disputed"
    """Both sides completed, but their receipts contradict each other."""


def opening_items(request: Signed[MatchRequest], decision: Signed[Grant] | Signed[Denial]) -> dict[str, str]:
    """The items of the opening entry. Every request has one, granted or denied."""
    return {
        "type": "opening",
        "match": request.body.match,
        "request": request.digest,
        "decision": decision.digest,
        "requester": request.body.requester,
        "responder": request.body.responder,
        "policy": decision.body.policy,
    }


def closing_items(
    match: str,
    decision: Digest,
    outcome: Outcome,
    *,
    requester_receipt: Digest | None,
    responder_receipt: Digest | None,
    refusal: Digest | None,
) -> dict[str, str]:
    """The items of the closing entry; digests are those of the statements' payloads."""
    return {
        "type": "closing",
        "match": match,
        "decision": decision,
        "outcome": outcome.value,
        "requester_receipt": requester_receipt or NONE,
        "responder_receipt": responder_receipt or NONE,
        "refusal": refusal or NONE,
    }


def outcome_of(requester: Receipt | None, responder: Receipt | None) -> Outcome:
    """The outcome of a granted match that was not refused, from the receipts that are in.

    One abort makes the match aborted; a missing receipt incomplete; receipts that contradict each other disputed.
    """
    present = [receipt for receipt in (requester, responder) if receipt is not None]
    if any(receipt.status is ReceiptStatus.ABORTED for receipt in present):
        return Outcome.ABORTED
    if requester is None or responder is None:
        return Outcome.INCOMPLETE
    return Outcome.COMPLETED if _facts(requester) == _facts(responder) else Outcome.DISPUTED


def _facts(receipt: Receipt) -> tuple[object, ...]:
    """What both sides must state alike; times, software and custody are each side's own."""
    return (
        receipt.match,
        receipt.grant,
        receipt.acceptance,
        receipt.open,
        receipt.transcripts,
        receipt.frames,
        receipt.elements_charged,
        receipt.engine,
    )
