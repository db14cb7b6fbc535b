"""From what a user wrote to the agreement that both parties will sign."""

from tacita_node.problems import ProblemError
from tacita_protocol.crypto.jcs import JSONValue, canonical_json
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.errors import MalformedMessage
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import MAX_ENVELOPE_BYTES, Signed, parse_part
from tacita_sdk.node_api import AgreementDraft

DAY = 86_400
AGREEMENT_ID_BYTES = 16


def agreement_from(
    draft: AgreementDraft, *, own: Signed[PartnerCard], peer: Signed[PartnerCard], now: int
) -> Agreement:
    """The agreement that a draft describes, in force from `now` on.

    Raises `ProblemError` naming the field that is not acceptable, never its value.
    """
    sides = {own.body.partner: (own.digest, draft.approved_by), peer.body.partner: (peer.digest, draft.their_approvers)}
    parties: list[JSONValue] = [
        {"partner": partner, "card": card, "approved_by": list(people)}
        for partner, (card, people) in sorted(sides.items())
    ]
    terms: list[JSONValue] = [
        {
            **term.model_dump(mode="json", exclude={"legal_bases", "documents"}),
            "legal_bases": [
                {"code": code, "documents": list(term.documents.get(code, ()))} for code in term.legal_bases
            ],
        }
        for term in draft.terms
    ]
    body: JSONValue = {
        "v": 1,
        "agreement": random_hex(AGREEMENT_ID_BYTES),
        "class": draft.class_,
        "parties": parties,
        "terms": terms,
        "caps": {"units": draft.units, "period_days": draft.period_days, "per_minute": draft.per_minute},
        "not_before": now,
        "not_after": now + draft.valid_days * DAY,
    }
    try:
        return parse_part(Agreement, canonical_json(body), what="agreement", max_bytes=MAX_ENVELOPE_BYTES)
    except MalformedMessage as error:
        raise ProblemError(422, "draft-invalid", f"The draft makes no agreement: {error}.") from None
