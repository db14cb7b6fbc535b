"""Who decides: what a decision point is asked, and what it answers.

The questions are put to Rego (`rego/broker/match.rego`, `rego/node/respond.rego`); the types here make sure that a
policy never sees an incomplete input and that nobody acts on anything but a complete answer. A decision point never
raises for a policy that fails: it denies and says why (`Failure`).
"""

from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Part
from tacita_protocol.statements.vocabulary import (
    Code,
    Count,
    DatasetName,
    Engines,
    HexDigest,
    Jurisdictions,
    Mode,
    PaddedCount,
    PartnerId,
    PartnerKind,
    ResultTo,
    Sensitivity,
    ShortText,
    UnixTime,
)

MAX_REASONS = 16
"""Most reasons of one decision; a statement carries as many."""


class Entrypoint(StrEnum):
    """The questions that a policy answers; the value is the path of the Rego package."""

    BROKER_MATCH = "tacita/broker/match"
    NODE_RESPOND = "tacita/node/respond"


class Credential(Part):
    """A registration that a partner claims, as its card says it."""

    scheme: Code
    valid_until: UnixTime


class Party(Part):
    """One of the two partners of a match."""

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

    class_: Annotated[Code, Field(alias="class")]
    caps: Caps
    not_before: UnixTime
    not_after: UnixTime
    documents: Annotated[tuple[HexDigest, ...], Field(max_length=128)]
    """Digests of the documents that support the legal bases."""
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

    matches_30d: Count = 0
    units_30d: Count = 0


class MatchInput(Part):
    """One question: may this match happen? `time` is passed in, since a policy has no clock."""

    requester: Party
    responder: Party
    agreement: AgreementFacts | None
    dataset: DatasetFacts
    purpose: Code
    legal_basis: Code
    mode: Mode
    result_to: ResultTo
    padded_count: PaddedCount
    engines: Engines
    history: History
    approvals: Annotated[tuple[Code, ...], Field(max_length=16)]
    time: UnixTime


NOTHING = Obligations(
    modes=(),
    engines=(),
    result_to=(),
    max_elements=0,
    suppress_below=0,
    round_to=1,
    labels=(),
    approvals=(),
    retention_days=0,
    expires_in=1,
)
"""The obligations of a denial: nothing may be done."""


class Decision(Part):
    """A denial says at least one reason and permits `NOTHING`; an allowance gives none and permits something.

    Raises:
        ValidationError: the parts contradict each other.
    """

    allow: bool
    reasons: Annotated[tuple[Reason, ...], Field(max_length=MAX_REASONS)]
    obligations: Obligations

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.allow == bool(self.reasons):
            raise ValueError("a denial gives reasons and an allowance gives none")
        if not self.allow and self.obligations != NOTHING:
            raise ValueError("a denial carries no obligations")
        permits = self.obligations
        if self.allow and not (permits.modes and permits.engines and permits.result_to and permits.max_elements):
            raise ValueError("an allowance permits something")
        return self


class Failure(StrEnum):
    """Why a decision point denied without having been told to."""

    TIMEOUT = "policy-timeout"
    UNAVAILABLE = "policy-unavailable"
    BUSY = "policy-busy"
    ERROR = "policy-error"
    UNDEFINED = "policy-undefined"
    MALFORMED = "policy-malformed"
    NOTHING_LEFT = "policy-permits-nothing"


_SENTENCES = {
    Failure.TIMEOUT: "The policy did not answer in time, so the match is not allowed. Try again, or tell the operator.",
    Failure.UNAVAILABLE: "The policy could not be asked, so the match is not allowed. Try again, or tell the operator.",
    Failure.BUSY: "Too many decisions are waiting, so the match is not allowed. Try again later.",
    Failure.ERROR: "The policy failed on this request, so the match is not allowed. Tell the operator.",
    Failure.UNDEFINED: "The policy says nothing about this request, so the match is not allowed. Tell the operator.",
    Failure.MALFORMED: "The policy gave an unusable answer, so the match is not allowed. Tell the operator.",
    Failure.NOTHING_LEFT: "The policies that must all allow this match have no way of matching in common.",
}


def denied_by(failure: Failure) -> Decision:
    """The denial for a policy that failed (fail closed)."""
    return Decision(
        allow=False, reasons=(Reason(code=failure.value, message=_SENTENCES[failure]),), obligations=NOTHING
    )


class DecisionPoint(Protocol):
    """Something that answers with the policy of one bundle, as the embedded engine does."""

    @property
    def digest(self) -> Digest:
        """Digest of the bundle; it goes into every grant and acceptance."""
        ...

    async def start(self) -> None:
        """Load the bundle and try every entrypoint once; a service calls it before it serves.

        Raises:
            PolicyRefused: the bundle cannot be used.
        """
        ...

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002 - OPA's own term
        """Evaluate; never raises for a failing policy: it denies."""
        ...

    async def close(self) -> None:
        """Stop; further decisions are denials."""
        ...
