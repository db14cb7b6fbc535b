"""A complete input for every entrypoint, on which it is evaluated once when a bundle is loaded."""

from collections.abc import Mapping

from tacita_policies.decision import Entrypoint
from tacita_policies.questions import (
    AgreedBasis,
    AgreedCaps,
    AgreeInput,
    AgreementFacts,
    Caps,
    DatasetFacts,
    DiscloseInput,
    DisclosureStage,
    DiscoverInput,
    History,
    MatchInput,
    OfferedDataset,
    Party,
    PermitInput,
    Side,
    TermFacts,
)
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import (
    AgreementClass,
    Handling,
    Mode,
    PartnerKind,
    ResultTo,
    Sensitivity,
)

_PURPOSE = "payment-screening"
_LEGAL_BASIS = "gdpr-6-1-f"

_DAY = 86_400

_BANK = Party(
    partner="example-bank",
    kind=PartnerKind.BANK,
    jurisdictions=("GB",),
    legal_entity="Example Bank",
    credentials=(),
)
_NGO = Party(
    partner="example-ngo",
    kind=PartnerKind.NGO,
    jurisdictions=("GB",),
    legal_entity="Example NGO",
    credentials=(),
)
_BEGIN, _NOW, _END = 1_700_000_000, 1_750_000_000, 1_800_000_000

EXAMPLE = MatchInput(
    requester=_BANK,
    responder=_NGO,
    agreement=AgreementFacts(
        class_=AgreementClass.SINGLE,
        caps=Caps(units=26_000, period_days=30),
        not_before=_BEGIN,
        not_after=_END,
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
    tested=None,
    purpose=_PURPOSE,
    legal_basis=_LEGAL_BASIS,
    mode=Mode.INTERSECTION,
    result_to=ResultTo.REQUESTER,
    padded_count=64,
    engines=("ecdh",),
    history=History(matches_30d=0, units_30d=0, cardinality_epoch=0),
    approvals=(),
    time=_NOW,
)
"""A bank asks an NGO about accounts under an agreement: the shipped policies allow it."""

DISCOVER_EXAMPLE = DiscoverInput(
    asker=_BANK,
    owner=_NGO,
    dataset=OfferedDataset(
        owner="example-ngo",
        name="accounts",
        kind=Kind.ACCOUNT,
        sensitivity=Sensitivity.ORDINARY,
        jurisdictions=("GB",),
        discoverable_by=(PartnerKind.BANK,),
    ),
    time=_NOW,
)
"""The same bank looks for the NGO's dataset, which is shown to banks."""

AGREE_EXAMPLE = AgreeInput(
    own=Side(party=_BANK, approved_by=("data-owner-17", "compliance-4")),
    peer=Side(party=_NGO, approved_by=("director-1",)),
    class_=AgreementClass.SINGLE,
    terms=(
        TermFacts(
            owner="example-ngo",
            dataset="accounts",
            kind=Kind.ACCOUNT,
            sensitivity=None,
            jurisdictions=None,
            modes=(Mode.INTERSECTION,),
            engines=("ecdh",),
            result_to=(ResultTo.REQUESTER,),
            purposes=(_PURPOSE,),
            legal_bases=(AgreedBasis(code=_LEGAL_BASIS, documents=()),),
        ),
    ),
    caps=AgreedCaps(units=26_000, period_days=30, per_minute=None),
    not_before=_NOW,
    not_after=_NOW + 90 * _DAY,
    time=_NOW,
)
"""The bank is about to sign the agreement under which it will ask."""

DISCLOSE_EXAMPLE = DiscloseInput(
    discloser=_NGO,
    recipient=_BANK,
    stage=DisclosureStage.LABEL,
    earlier=(),
    kind=Kind.ACCOUNT,
    sensitivity=Sensitivity.ORDINARY,
    sources=(PartnerKind.NGO,),
    verdict=None,
    purpose=_PURPOSE,
    legal_basis=_LEGAL_BASIS,
    handling=Handling.AMBER,
    items=("advert",),
    approvals=(),
    time=_NOW,
)
"""The NGO tells the bank by a label in what connection it knows the account."""

EXAMPLES: Mapping[Entrypoint, MatchInput | PermitInput] = {
    Entrypoint.BROKER_DISCOVER: DISCOVER_EXAMPLE,
    Entrypoint.BROKER_MATCH: EXAMPLE,
    Entrypoint.NODE_AGREE: AGREE_EXAMPLE,
    Entrypoint.NODE_DISCLOSE: DISCLOSE_EXAMPLE,
    Entrypoint.NODE_RESPOND: EXAMPLE,
}
