"""The form of each data file of the shipped policies: ``data/NAME.json`` holds `SHAPES[NAME]` under its own name."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, model_validator

from tacita_policies.questions import DisclosureStage
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.obligations import MAX_EXPIRES_IN, MAX_RETENTION_DAYS
from tacita_protocol.statements.statement import Part
from tacita_protocol.statements.verdict import VerdictOutcome
from tacita_protocol.statements.vocabulary import (
    AgreementClass,
    Code,
    Count,
    Country,
    Distinct,
    Handling,
    Mode,
    PartnerKind,
    ResultTo,
    RoundTo,
    Sensitivity,
    ShortText,
    Text,
)


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}$")]
Codes = Annotated[tuple[Code, ...], Distinct]
SomeCodes = Annotated[tuple[Code, ...], Field(min_length=1), Distinct]
Kinds = Annotated[tuple[PartnerKind, ...], Field(min_length=1), Distinct]
Modes = Annotated[tuple[Mode, ...], Field(min_length=1), Distinct]
Sides = Annotated[tuple[ResultTo, ...], Field(min_length=1), Distinct]
Sensitivities = Annotated[tuple[Sensitivity, ...], Distinct]
RetentionDays = Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS)]
ExpiresIn = Annotated[int, Field(ge=1, le=MAX_EXPIRES_IN)]
Days = Annotated[int, Field(ge=1, le=366)]


class PartnerWords(Part):
    """How a sentence calls a kind of partner."""

    one: ShortText
    many: ShortText


class IdentifierWords(Part):
    """How a sentence calls a kind of identifier."""

    many: ShortText


class SensitivityRules(Part):
    """What a sensitivity demands; ``requester`` is the other side and ``owner`` the side that holds the data."""

    title: ShortText
    modes: Modes
    result_to: Sides
    engines: SomeCodes


class Purpose(Part):
    """``title`` completes the sentence "for the purpose of ..."."""

    title: ShortText
    source: Text


class DocumentKind(Part):
    """A document that supports a legal basis."""

    title: ShortText


class LegalBasisEntry(Part):
    """Where and when a legal basis is law, and what it needs beside it."""

    title: ShortText
    regime: Literal["gdpr", "led", "national"]
    jurisdictions: Annotated[tuple[Region, ...], Field(min_length=1), Distinct]
    valid_from: Day
    valid_until: Day | None
    """The last day; null while no end is known."""
    special_categories: Text | None
    """The condition of GDPR Art. 9 (or LED Art. 10) that it meets."""
    criminal_data: Text | None
    """The condition of GDPR Art. 10 that it meets."""
    national_provision: Text | None
    scheme: Code | None
    """The credential that both partners need."""
    documents: Codes
    """Documents that an agreement must name by digest."""
    kept: Codes
    """Documents that each partner keeps."""
    source: Text


class Scheme(Part):
    """Something in which a partner must be, as its card's credential says."""

    title: ShortText
    kinds: Kinds
    evidence: Text
    source: Text


class Row(Part):
    """Who may ask whom about what, why and how."""

    name: ShortText
    requester_kinds: Kinds
    responder_kinds: Kinds
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1), Distinct]
    sensitivities: Annotated[tuple[Sensitivity, ...], Field(min_length=1), Distinct]
    tested_sensitivities: Sensitivities
    purposes: SomeCodes
    legal_bases: SomeCodes
    modes: Modes
    result_to: Sides
    classes: Annotated[tuple[AgreementClass, ...], Field(min_length=1), Distinct]
    max_elements: Annotated[Count, Field(ge=1)]
    """Of the asker, padded."""
    max_tested: Count
    """Of the owner, padded, where it learns; 0 in a row in which it never does."""
    retention_days: RetentionDays
    expires_in: ExpiresIn
    """Seconds."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if Mode.INTERSECTION not in self.modes:
            raise ValueError("a count needs the permission for an intersection")
        if (self.max_tested > 0) != any(side is not ResultTo.REQUESTER for side in self.result_to):
            raise ValueError("max_tested is given exactly where the owner may learn")
        return self


class ClassLimits(Part):
    """What an agreement of a class may say; null where the units alone bound it."""

    title: ShortText
    units: Annotated[Count, Field(ge=1)]
    period_days: Days
    valid_days: Days
    max_elements: Annotated[Count, Field(ge=1)] | None
    matches_30d: Annotated[Count, Field(ge=1)] | None
    rate: bool
    max_per_minute: Annotated[Count, Field(ge=1)] | None
    approvers: Annotated[int, Field(ge=1, le=8)]
    engines: SomeCodes

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.rate != (self.max_per_minute is not None):
            raise ValueError("a class with a peak rate limits it, and no other does")
        return self


class CountLimits(Part):
    """How counts are rounded, and how often one epoch answers one partner."""

    round_to: Annotated[RoundTo, Field(ge=2)]
    answers_per_epoch: Annotated[Count, Field(ge=1)]


class Budgets(Part):
    """Limits of the classes of agreement, and of counts."""

    classes: dict[AgreementClass, ClassLimits]
    cardinality: CountLimits


class Reports(Part):
    """Words that would tell that somebody was reported to an authority."""

    words: SomeCodes
    phrases: SomeCodes


class DisclosureItems(Part):
    """What may be told at each stage, by name, and what no name may say."""

    stages: dict[DisclosureStage, Annotated[dict[Code, ShortText], Field(min_length=1)]]
    reports: Reports


class DisclosureRow(Part):
    """Who may tell whom what about a hit, how far, and who must have agreed."""

    name: ShortText
    discloser_kinds: Kinds
    recipient_kinds: Kinds
    stages: Annotated[tuple[DisclosureStage, ...], Field(min_length=1), Distinct]
    sources: Kinds
    sensitivities: Annotated[tuple[Sensitivity, ...], Field(min_length=1), Distinct]
    purposes: SomeCodes
    legal_bases: SomeCodes
    handling: Annotated[tuple[Handling, ...], Field(min_length=1), Distinct]
    items: SomeCodes
    verdicts: Annotated[tuple[VerdictOutcome | Literal["none"], ...], Field(min_length=1), Distinct]
    approvals: Codes
    retention_days: RetentionDays


SHAPES: Mapping[str, TypeAdapter[Any]] = {
    "budgets": TypeAdapter(Budgets),
    "disclosure_items": TypeAdapter(DisclosureItems),
    "disclosures": TypeAdapter(tuple[DisclosureRow, ...]),
    "document_kinds": TypeAdapter(dict[Code, DocumentKind]),
    "eligibility": TypeAdapter(dict[Code, Scheme]),
    "identifier_kinds": TypeAdapter(dict[Kind, IdentifierWords]),
    "legal_bases": TypeAdapter(dict[Code, LegalBasisEntry]),
    "matrix": TypeAdapter(tuple[Row, ...]),
    "partner_kinds": TypeAdapter(dict[PartnerKind, PartnerWords]),
    "purposes": TypeAdapter(dict[Code, Purpose]),
    "regions": TypeAdapter(dict[Region, Annotated[tuple[Country, ...], Field(min_length=1), Distinct]]),
    "sensitivities": TypeAdapter(dict[Sensitivity, SensitivityRules]),
}
"""By the name of the data file."""
