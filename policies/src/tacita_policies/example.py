"""A complete input, on which every entrypoint is evaluated once when a bundle is loaded."""

from tacita_policies.decision import AgreementFacts, Caps, DatasetFacts, History, MatchInput, Party
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import Mode, PartnerKind, ResultTo, Sensitivity

_PURPOSE = "payment-screening"
_LEGAL_BASIS = "gdpr-6-1-f"

EXAMPLE = MatchInput(
    requester=Party(
        partner="example-bank",
        kind=PartnerKind.BANK,
        jurisdictions=("GB",),
        legal_entity="Example Bank",
        credentials=(),
    ),
    responder=Party(
        partner="example-ngo",
        kind=PartnerKind.NGO,
        jurisdictions=("GB",),
        legal_entity="Example NGO",
        credentials=(),
    ),
    agreement=AgreementFacts(
        class_="single",
        caps=Caps(units=26_000, period_days=30),
        not_before=1_700_000_000,
        not_after=1_800_000_000,
        documents=(),
        modes=(Mode.INTERSECTION,),
        engines=("ecdh",),
        result_to=(ResultTo.REQUESTER,),
        purposes=(_PURPOSE,),
        legal_bases=(_LEGAL_BASIS,),
    ),
    dataset=DatasetFacts(
        owner="example-ngo",
        name="accounts",
        kind=Kind.ACCOUNT,
        sensitivity=Sensitivity.ORDINARY,
        jurisdictions=("GB",),
    ),
    purpose=_PURPOSE,
    legal_basis=_LEGAL_BASIS,
    mode=Mode.INTERSECTION,
    result_to=ResultTo.REQUESTER,
    padded_count=64,
    engines=("ecdh",),
    history=History(matches_30d=0, units_30d=0),
    approvals=(),
    time=1_750_000_000,
)
"""A bank asks an NGO about accounts under an agreement: the shipped policies allow it."""
