"""What may be said after a match, or about trust: one valid statement of every type, the same in every run."""

from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.statements.disclosure import DisclosedItem, Disclosure, Stage
from tacita_protocol.statements.erasure import Erasure
from tacita_protocol.statements.referral import Referral
from tacita_protocol.statements.retraction import RetractedHit, RetractedRelease, Retraction
from tacita_protocol.statements.revocation import Revocation, RevokedDataset
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import sign_statement
from tacita_protocol.statements.verdict import Verdict, VerdictOutcome
from tacita_protocol.statements.vocabulary import Handling
from tests.support.memory_log import key_named
from tests.support.statements import MATCH, PARTNER_CARD, TIME, cited, named, noise

DAY = 86_400

NEW_CARD = PARTNER_CARD.model_copy(
    update={
        "signing_key": key_named("first-bank/2").verify_key.text,
        "sealing_key": SealingKey.from_raw(noise("second sealing key", 96)).public_key.text,
        "issued": TIME + 30 * DAY,
    }
)
OLD_SIGNED = sign_statement(PARTNER_CARD, key_named("first-bank"))
NEW_SIGNED = sign_statement(NEW_CARD, key_named("first-bank/2"))

KEY_ROTATION = KeyRotation(
    partner="first-bank", replaces=cited(PARTNER_CARD), card=cited(NEW_CARD), issued=TIME + 30 * DAY
)
REVOCATION = Revocation(
    issuer="safe-harbour",
    subject=RevokedDataset(partner="safe-harbour", dataset="accounts", epoch=3),
    reason="source-withdrawn",
    issued=TIME + 10 * DAY,
)
HIT = named("hit under a key of first-bank")
DISCLOSURE = Disclosure(
    disclosure=noise("disclosure", 16).hex(),
    match=MATCH,
    owner="safe-harbour",
    recipient="first-bank",
    stage=Stage.LABEL,
    purpose="payment-screening",
    legal_basis="gdpr-6-1-f",
    items=(
        DisclosedItem(field="grading", sealed=b64u(noise("sealed grading", 1138))),
        DisclosedItem(field="last-seen", sealed=b64u(noise("sealed last-seen", 1146))),
    ),
    policy=named("policy"),
    approvals=("officer-2",),
    handling=Handling.AMBER_STRICT,
    issued=TIME + DAY,
    expires=TIME + 31 * DAY,
)
REFERRAL = Referral(
    referral=noise("referral", 16).hex(),
    sender="first-bank",
    recipient="national-police",
    match=MATCH,
    purpose="law-enforcement-request",
    legal_basis="gdpr-6-1-c",
    handling=Handling.RED,
    summary=named("summary"),
    attachments=(named("bundle of evidence"),),
    approved_by=("officer-1", "officer-7"),
    issued=TIME + 2 * DAY,
)
RETRACTION = Retraction(
    retraction=noise("retraction", 16).hex(),
    issuer="safe-harbour",
    subject=RetractedRelease(type="disclosure", digest=cited(DISCLOSURE)),
    reason="wrong-person",
    replaces=None,
    issued=TIME + 3 * DAY,
)
RETRACTED_HIT = RETRACTION.model_copy(
    update={"issuer": "first-bank", "subject": RetractedHit(match=MATCH, hit=HIT), "replaces": named("retraction")}
)
VERDICT = Verdict(
    verdict=noise("verdict", 16).hex(),
    match=MATCH,
    partner="first-bank",
    hit=HIT,
    outcome=VerdictOutcome.FALSE,
    reason="The number was given to another customer in the meantime.",
    decided_by="officer-1",
    issued=TIME + 2 * DAY,
)
ERASURE = Erasure(
    partner="safe-harbour",
    regulator="data-authority",
    sealed=named("sealed record"),
    reason="court-order",
    issued=TIME + 60 * DAY,
)
