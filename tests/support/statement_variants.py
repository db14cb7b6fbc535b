"""More examples for the golden files, until every field has a value in one, and every word of a closed set occurs."""

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Caps, LegalBasis, Term
from tacita_protocol.statements.disclosure import Stage
from tacita_protocol.statements.match import SenderDecision
from tacita_protocol.statements.retraction import RetractedRelease
from tacita_protocol.statements.revocation import RevokedAgreement, RevokedGrant, RevokedKey, RevokedPartner
from tacita_protocol.statements.verdict import VerdictOutcome
from tacita_protocol.statements.vocabulary import (
    AgreementClass,
    Handling,
    Mode,
    PartnerKind,
    ResultTo,
    Role,
    Sensitivity,
)
from tests.support.later_statements import DISCLOSURE, REFERRAL, RETRACTION, REVOCATION, VERDICT
from tests.support.statements import (
    AGREEMENT,
    DATASET_CARD,
    GRANT,
    MATCH,
    MATCH_REQUEST,
    OBLIGATIONS,
    PARTNER_CARD,
    RECEIPT,
    REFUSAL,
    cited,
    named,
)

STANDING_AGREEMENT = AGREEMENT.model_copy(
    update={
        "class_": AgreementClass.STANDING,
        "terms": tuple(
            Term(
                owner="safe-harbour",
                dataset=f"every-{kind.value}",
                kind=kind,
                modes=tuple(Mode),
                engines=("vole", "ecdh"),
                result_to=tuple(ResultTo),
                purposes=("payment-screening",),
                legal_bases=(LegalBasis(code="gdpr-6-1-f", documents=(named("assessment"), named("permit"))),),
            )
            for kind in Kind
        ),
        "caps": Caps(units=2**26, period_days=30, per_minute=2**16),
    }
)
QUESTION_AGREEMENT = AGREEMENT.model_copy(update={"class_": AgreementClass.QUESTION})
ORDINARY_CARD = DATASET_CARD.model_copy(update={"sensitivity": Sensitivity.ORDINARY})
VICTIMS_CARD = DATASET_CARD.model_copy(
    update={"sensitivity": Sensitivity.POSSIBLE_VICTIM, "engines": ("vole",), "discoverable_by": tuple(PartnerKind)}
)
CARDINALITY_REQUEST = MATCH_REQUEST.model_copy(update={"mode": Mode.CARDINALITY})
REQUEST_FOR_BOTH = MATCH_REQUEST.model_copy(
    update={
        "result_to": ResultTo.BOTH,
        "sender_decision": SenderDecision(
            policy=named("own policy"),
            obligations=OBLIGATIONS.model_copy(
                update={"result_to": (ResultTo.BOTH,), "approvals": ("officer", "director")}
            ),
        ),
    }
)
REFUSAL_BY_POLICY = REFUSAL.model_copy(update={"policy": named("policy of safe-harbour")})
RESPONDER_RECEIPT = RECEIPT.model_copy(update={"role": Role.RESPONDER, "partner": "safe-harbour"})

REVOKED_PARTNER = REVOCATION.model_copy(update={"issuer": "broker-one", "subject": RevokedPartner(partner="fake-bank")})
REVOKED_KEY = REVOCATION.model_copy(
    update={"issuer": "first-bank", "subject": RevokedKey(partner="first-bank", card=cited(PARTNER_CARD))}
)
REVOKED_AGREEMENT = REVOCATION.model_copy(update={"subject": RevokedAgreement(agreement=AGREEMENT.agreement)})
REVOKED_GRANT = REVOCATION.model_copy(
    update={"issuer": "broker-one", "subject": RevokedGrant(match=MATCH, grant=cited(GRANT))}
)

DISCLOSED_CONTACT = DISCLOSURE.model_copy(update={"stage": Stage.CONTACT, "handling": Handling.AMBER})
DISCLOSED_RECORD = DISCLOSURE.model_copy(update={"stage": Stage.RECORD, "handling": Handling.GREEN})
OPEN_REFERRAL = REFERRAL.model_copy(update={"match": None, "handling": Handling.CLEAR})
CONFIRMED = VERDICT.model_copy(update={"outcome": VerdictOutcome.CONFIRMED})
DUPLICATE = VERDICT.model_copy(update={"outcome": VerdictOutcome.DUPLICATE})
RETRACTED_LABEL = RETRACTION.model_copy(update={"subject": RetractedRelease(type="label", digest=cited(DISCLOSURE))})
RETRACTED_REFERRAL = RETRACTION.model_copy(
    update={"issuer": "first-bank", "subject": RetractedRelease(type="referral", digest=cited(REFERRAL))}
)
RETRACTED_BUNDLE = RETRACTION.model_copy(
    update={"issuer": "first-bank", "subject": RetractedRelease(type="bundle", digest=named("bundle of evidence"))}
)
