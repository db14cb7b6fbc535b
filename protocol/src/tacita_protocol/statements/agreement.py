"""What two partners agreed on: the root of trust between them, signed by both, never by a broker."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.statement import Part, Statement
from tacita_protocol.statements.vocabulary import (
    MAX_ELEMENTS,
    AgreementClass,
    AgreementId,
    Code,
    DatasetName,
    Distinct,
    Engines,
    HexDigest,
    Mode,
    PartnerId,
    PersonReference,
    ResultTo,
    UnixTime,
)

MAX_TERMS = 32
MAX_PERIOD_DAYS = 366


class Party(Part):
    """One side of an agreement: which card was confirmed, and which people approved."""

    partner: PartnerId
    card: HexDigest
    approved_by: Annotated[tuple[PersonReference, ...], Field(max_length=8), Distinct]


class LegalBasis(Part):
    """A legal basis by code, with the digests of the documents that support it (assessment, permit)."""

    code: Code
    documents: Annotated[tuple[HexDigest, ...], Field(max_length=8), Distinct]


class Term(Part):
    """Under these purposes and bases, the other party may ask about this dataset of `owner`."""

    owner: PartnerId
    dataset: DatasetName
    kind: Kind
    modes: Annotated[tuple[Mode, ...], Field(min_length=1, max_length=8), Distinct]
    engines: Engines
    result_to: Annotated[tuple[ResultTo, ...], Field(min_length=1, max_length=3), Distinct]
    purposes: Annotated[tuple[Code, ...], Field(min_length=1, max_length=16), Distinct]
    legal_bases: Annotated[tuple[LegalBasis, ...], Field(min_length=1, max_length=16)]


class Caps(Part):
    """At most `units` charged elements in any `period_days` days, and in any minute no more than `per_minute`."""

    units: Annotated[int, Field(ge=1, le=MAX_ELEMENTS)]
    period_days: Annotated[int, Field(ge=1, le=MAX_PERIOD_DAYS)]
    per_minute: Annotated[int, Field(ge=1, le=MAX_ELEMENTS)] | None
    """Peak rate of a standing agreement; null in every other class."""


class Agreement(Statement):
    """Signed by both parties, each having confirmed the other's card out of band."""

    TYPE: ClassVar[str] = "agreement"

    agreement: AgreementId
    class_: Annotated[AgreementClass, Field(alias="class")]
    parties: tuple[Party, Party]
    """Sorted by partner id, so that one agreement has one form."""
    terms: Annotated[tuple[Term, ...], Field(min_length=1, max_length=MAX_TERMS)]
    caps: Caps
    not_before: UnixTime
    not_after: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        first, second = self.parties
        if first.partner >= second.partner:
            raise ValueError("the parties are not two, sorted by id")
        if any(term.owner not in (first.partner, second.partner) for term in self.terms):
            raise ValueError("a term's owner is no party")
        if (self.caps.per_minute is not None) != (self.class_ is AgreementClass.STANDING):
            raise ValueError("a peak rate is named exactly in a standing agreement")
        if self.not_before >= self.not_after:
            raise ValueError("the period is empty")
        return self

    def party(self, partner: str) -> Party | None:
        """The side of `partner`, or None if it is no party."""
        return next((party for party in self.parties if party.partner == partner), None)

    def counterparty(self, partner: str) -> Party | None:
        """The side that is not `partner`, or None if `partner` is no party."""
        if self.party(partner) is None:
            return None
        return next(party for party in self.parties if party.partner != partner)

    def covering_term(
        self,
        *,
        owner: str,
        dataset: str,
        requester: str,
        kind: Kind,
        mode: Mode,
        result_to: ResultTo,
        purpose: str,
        legal_basis: str,
        at: int,
        engine: str | None = None,
    ) -> Term | None:
        """The first term that allows `requester` this match at time `at` (unix seconds), or None.

        Everything must be covered by *one* term; `engine` is checked when it is known already.
        """
        if requester == owner or self.party(requester) is None or not self.not_before <= at < self.not_after:
            return None
        for term in self.terms:
            if (
                term.owner == owner
                and term.dataset == dataset
                and term.kind == kind
                and mode in term.modes
                and result_to in term.result_to
                and purpose in term.purposes
                and any(basis.code == legal_basis for basis in term.legal_bases)
                and (engine is None or engine in term.engines)
            ):
                return term
        return None
