"""The statements of one match, the same in every run, and citing each other as in a real one.

What may follow a match is in `later_statements`, all types together in `golden`.
"""

import hashlib

from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.agreement import Agreement, Caps, LegalBasis, Party, Term
from tacita_protocol.statements.dataset import DatasetCard, OnlineSet
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest, Promise, SenderDecision
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.partner import Credential, LegalEntity, PartnerCard
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.receipt import FrameCounts, Receipt, ReceiptStatus, Software, Transcripts
from tacita_protocol.statements.statement import Statement, payload_of
from tacita_protocol.statements.vocabulary import AgreementClass, Mode, PartnerKind, ResultTo, Role, Sensitivity
from tests.support.memory_log import key_named

TIME = 1_800_000_000
MATCH = "0123456789abcdef0123456789abcdef"
REASONS = (Reason(code="no-agreement", message="There is no agreement that covers this question."),)
OBLIGATIONS = Obligations(
    modes=(Mode.INTERSECTION,),
    engines=("ecdh",),
    result_to=(ResultTo.REQUESTER,),
    max_elements=26_000,
    suppress_below=0,
    round_to=1,
    labels=("grading",),
    approvals=(),
    retention_days=30,
    expires_in=3600,
)


def named(text: str) -> Digest:
    """A digest that is the same in every run."""
    return digest_of(text.encode())


def cited(body: Statement) -> Digest:
    """The digest by which other statements cite `body`."""
    return digest_of(payload_of(body))


def noise(text: str, size: int) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(text.encode()).digest(size)


SEALING_KEY = SealingKey.from_raw(noise("sealing key", 96)).public_key.text
PARTNER_CARD = PartnerCard(
    partner="first-bank",
    name="First Bank",
    kind=PartnerKind.BANK,
    jurisdictions=("GB", "DE"),
    legal_entity=LegalEntity(name="First Bank plc", register_="Companies House", number="01234567"),
    credentials=(Credential(scheme="us-314b", reference="REG-1", valid_until=TIME + 86_400, attested_by="Treasury"),),
    signing_key=key_named("first-bank").verify_key.text,
    sealing_key=SEALING_KEY,
    witness_key=key_named("witness/first-bank").verify_key.text,
    contact="Compliance desk, first-bank.example",
    issued=TIME,
)
AGREEMENT = Agreement(
    agreement=noise("agreement", 16).hex(),
    class_=AgreementClass.SINGLE,
    parties=(
        Party(partner="first-bank", card=cited(PARTNER_CARD), approved_by=("officer-1",)),
        Party(partner="safe-harbour", card=named("card of safe-harbour"), approved_by=("officer-2", "officer-3")),
    ),
    terms=(
        Term(
            owner="safe-harbour",
            dataset="accounts",
            kind=Kind.ACCOUNT,
            modes=(Mode.INTERSECTION,),
            engines=("ecdh",),
            result_to=(ResultTo.REQUESTER,),
            purposes=("payment-screening",),
            legal_bases=(LegalBasis(code="gdpr-6-1-f", documents=(named("assessment"),)),),
        ),
        Term(
            owner="first-bank",
            dataset="phones",
            kind=Kind.PHONE,
            modes=(Mode.INTERSECTION,),
            engines=("ecdh",),
            result_to=(ResultTo.REQUESTER,),
            purposes=("victim-protection",),
            legal_bases=(LegalBasis(code="gdpr-6-1-d", documents=()),),
        ),
    ),
    caps=Caps(units=26_000, period_days=30, per_minute=None),
    not_before=TIME,
    not_after=TIME + 90 * 86_400,
)
DATASET_CARD = DatasetCard(
    partner="safe-harbour",
    dataset="accounts",
    kind=Kind.ACCOUNT,
    normaliser="account/1",
    epoch=3,
    padded_size=23_171,
    commitment=named("commitment"),
    engines=("ecdh",),
    online=None,
    sensitivity=Sensitivity.FINANCIAL,
    jurisdictions=("GB",),
    labels=("grading",),
    discoverable_by=(PartnerKind.BANK,),
    issued=TIME,
)
MATCH_REQUEST = MatchRequest(
    match=MATCH,
    agreement=cited(AGREEMENT),
    requester="first-bank",
    responder="safe-harbour",
    dataset="accounts",
    epoch=3,
    kind=Kind.ACCOUNT,
    normaliser="account/1",
    mode=Mode.INTERSECTION,
    result_to=ResultTo.REQUESTER,
    engines=("vole", "ecdh"),
    padded_count=128,
    commitment=named("own commitment"),
    sender_decision=None,
    purpose="payment-screening",
    legal_basis="gdpr-6-1-f",
    case_reference=named("case"),
    ephemeral_key=SealingKey.from_raw(noise("ephemeral key of the requester", 96)).public_key.text,
    nonce=noise("nonce", 16).hex(),
    issued=TIME,
    expires=TIME + 300,
)
PROMISE = Promise(match=MATCH, request=cited(MATCH_REQUEST), broker="broker-one", issued=TIME)
GRANT = Grant(
    match=MATCH,
    request=cited(MATCH_REQUEST),
    broker="broker-one",
    policy=named("policy"),
    obligations=OBLIGATIONS,
    engine="ecdh",
    normaliser="account/1",
    requester_count=128,
    responder_count=23_171,
    issued=TIME,
    start_before=TIME + 600,
    finish_before=TIME + 3600,
)
DENIAL = Denial(
    match=MATCH, request=cited(MATCH_REQUEST), broker="broker-one", policy=named("policy"), reasons=REASONS, issued=TIME
)
ACCEPTANCE = Acceptance(
    match=MATCH,
    grant=cited(GRANT),
    responder="safe-harbour",
    policy=named("policy"),
    obligations=OBLIGATIONS,
    partitions=1,
    ephemeral_key=SealingKey.from_raw(noise("ephemeral key of the responder", 96)).public_key.text,
    sealed_secret=b64u(noise("s1", 1168)),
    issued=TIME,
)
REFUSAL = Refusal(match=MATCH, grant=cited(GRANT), responder="safe-harbour", policy=None, reasons=REASONS, issued=TIME)
OPEN = Open(
    match=MATCH,
    acceptance=cited(ACCEPTANCE),
    requester="first-bank",
    sealed_secret=b64u(noise("s2", 1168)),
    issued=TIME,
)
RECEIPT = Receipt(
    match=MATCH,
    role=Role.REQUESTER,
    partner="first-bank",
    grant=cited(GRANT),
    acceptance=cited(ACCEPTANCE),
    open=cited(OPEN),
    transcripts=Transcripts(requester=named("frames one"), responder=named("frames two")),
    frames=FrameCounts(requester=2, responder=3),
    elements_charged=128,
    status=ReceiptStatus.COMPLETED,
    step=None,
    engine="ecdh",
    software=(Software(name="tacita", version="0.1.0"),),
    started=TIME,
    ended=TIME + 60,
    custody=named("custody"),
)

ONLINE_CARD = DATASET_CARD.model_copy(
    update={
        "engines": ("oprf", "ecdh"),
        "online": OnlineSet(oprf_key=b64u(noise("oprf key", 32)), encoded_set=named("encoded set")),
    }
)
"""Of a set that may be asked online, too."""
SILENT_REQUEST = MATCH_REQUEST.model_copy(
    update={
        "result_to": ResultTo.OWNER,
        "sender_decision": SenderDecision(
            policy=named("own policy"), obligations=OBLIGATIONS.model_copy(update={"result_to": (ResultTo.OWNER,)})
        ),
    }
)
"""Whose result goes to the dataset's owner alone."""
ABORTED_RECEIPT = RECEIPT.model_copy(
    update={
        "acceptance": None,
        "open": None,
        "elements_charged": 0,
        "transcripts": Transcripts(requester=named("no frames"), responder=named("no frames")),
        "frames": FrameCounts(requester=0, responder=0),
        "status": ReceiptStatus.ABORTED,
        "step": "granted",
    }
)
