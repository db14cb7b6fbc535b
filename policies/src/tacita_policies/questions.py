"""What a policy is asked: complete, typed inputs, built from signed statements in `facts.py`.

Every field is given and none is unknown: a policy that reads a missing field would be undefined, and one that forbids
by what it finds would allow. There is no clock in a policy, so each question brings its `time` (unix seconds).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.statement import Part
from tacita_protocol.statements.verdict import VerdictOutcome
from tacita_protocol.statements.vocabulary import (
    AgreementClass,
    Code,
    Count,
    DatasetName,
    Engines,
    Handling,
    HexDigest,
    Jurisdictions,
    Mode,
    PaddedCount,
    PartnerId,
    PartnerKind,
    PersonReference,
    ResultTo,
    Sensitivity,
    ShortText,
    UnixTime,
)


class Credential(Part):
    """A registration that a partner claims, as its card says it."""

    scheme: Code
    valid_until: UnixTime


class Party(Part):
    """One of the two partners that a question is about."""

    partner: PartnerId
    kind: PartnerKind
    jurisdictions: Jurisdictions
    legal_entity: ShortText
    credentials: Annotated[tuple[Credential, ...], Field(max_length=16)]


class Caps(Part):
    """What may be asked under an agreement: units (elements that the receiver could evaluate) in a period of days."""

    units: Count
    period_days: Annotated[int, Field(ge=1, le=3660)]


class AgreementFacts(Part):
    """The agreement between the two, reduced to its term about the dataset in question."""

    class_: Annotated[AgreementClass, Field(alias="class")]
    caps: Caps
    not_before: UnixTime
    not_after: UnixTime
    documents: Annotated[tuple[HexDigest, ...], Field(max_length=128)]
    """Digests of the documents that support the legal basis of the request."""
    modes: Annotated[tuple[Mode, ...], Field(max_length=8)]
    engines: Engines
    result_to: Annotated[tuple[ResultTo, ...], Field(max_length=3)]
    purposes: Annotated[tuple[Code, ...], Field(max_length=16)]
    legal_bases: Annotated[tuple[Code, ...], Field(max_length=16)]


class DatasetFacts(Part):
    """The dataset that is asked about, as its card says."""

    owner: PartnerId
    name: DatasetName
    kind: Kind
    sensitivity: Sensitivity
    jurisdictions: Jurisdictions


class History(Part):
    """What the same requester has had from the same responder in the last 30 days."""

    matches_30d: Count
    units_30d: Count
    cardinality_epoch: Count
    """Answers in mode cardinality that it has had on this epoch of this dataset, whenever that was."""


class MatchInput(Part):
    """May this match happen?"""

    requester: Party
    responder: Party
    agreement: AgreementFacts | None
    dataset: DatasetFacts
    tested: DatasetFacts | None
    """The requester's own dataset, when the requester's node asks whether it may be tested; else null."""
    purpose: Code
    legal_basis: Code
    mode: Mode
    result_to: ResultTo
    padded_count: PaddedCount
    engines: Engines
    history: History
    approvals: Annotated[tuple[Code, ...], Field(max_length=16)]
    time: UnixTime


class OfferedDataset(DatasetFacts):
    """A dataset in the catalogue: what its card says, and to whom its owner shows it."""

    discoverable_by: Annotated[tuple[PartnerKind, ...], Field(max_length=len(PartnerKind))]


class DiscoverInput(Part):
    """May this partner know that the dataset exists?"""

    asker: Party
    owner: Party
    dataset: OfferedDataset
    time: UnixTime


class AgreedBasis(Part):
    """A legal basis of a term with the digests of the documents that support it."""

    code: Code
    documents: Annotated[tuple[HexDigest, ...], Field(max_length=8)]


class TermFacts(Part):
    """One term: under these purposes and bases, the other party may ask about this dataset of `owner`."""

    owner: PartnerId
    dataset: DatasetName
    kind: Kind
    sensitivity: Sensitivity | None
    """Null where the node that is asked does not know it (the dataset is the other party's)."""
    jurisdictions: Jurisdictions | None
    """Of the dataset; null where not known."""
    modes: Annotated[tuple[Mode, ...], Field(min_length=1, max_length=8)]
    engines: Engines
    result_to: Annotated[tuple[ResultTo, ...], Field(min_length=1, max_length=3)]
    purposes: Annotated[tuple[Code, ...], Field(min_length=1, max_length=16)]
    legal_bases: Annotated[tuple[AgreedBasis, ...], Field(min_length=1, max_length=16)]


class AgreedCaps(Caps):
    """The caps of an agreement with its peak rate, which is null for every class but *standing*."""

    per_minute: Count | None


class Side(Part):
    """One party of an agreement: who it is, and which people approved there (by reference)."""

    party: Party
    approved_by: Annotated[tuple[PersonReference, ...], Field(max_length=8)]


class AgreeInput(Part):
    """May this node sign this agreement?"""

    own: Side
    peer: Side
    class_: Annotated[AgreementClass, Field(alias="class")]
    terms: Annotated[tuple[TermFacts, ...], Field(min_length=1, max_length=32)]
    caps: AgreedCaps
    not_before: UnixTime
    not_after: UnixTime
    time: UnixTime


class DisclosureStage(StrEnum):
    """How far a disclosure goes: the stages of that statement, in order, and a referral of the whole case."""

    LABEL = "label"
    CONTACT = "contact"
    RECORD = "record"
    REFERRAL = "referral"


class DiscloseInput(Part):
    """May this be told to the recipient? Asked by the node that would tell, for each stage anew."""

    discloser: Party
    recipient: Party
    stage: DisclosureStage
    earlier: Annotated[tuple[DisclosureStage, ...], Field(max_length=8)]
    """Stages that this recipient has had about the same match."""
    kind: Kind
    sensitivity: Sensitivity
    """The strictest of what is disclosed."""
    sources: Annotated[tuple[PartnerKind, ...], Field(min_length=1, max_length=len(PartnerKind))]
    """Kinds of the partners whose data made the hit or the record."""
    verdict: VerdictOutcome | None
    """What a person said about the hit; null while nobody has looked."""
    purpose: Code
    legal_basis: Code
    handling: Handling
    items: Annotated[tuple[Code, ...], Field(min_length=1, max_length=32)]
    """Names of the fields, or the labels, never their values."""
    approvals: Annotated[tuple[Code, ...], Field(max_length=16)]
    time: UnixTime


PermitInput = DiscoverInput | DiscloseInput | AgreeInput
"""The questions that are answered with a `Permission`."""
