"""Who decides, and what it answers.

The questions (`questions.py`) are put to Rego, one package for each `Entrypoint`. The types here make sure that nobody
acts on anything but a complete answer. A decision point never raises for a policy that fails: it denies and says why
(`Failure`).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator

from tacita_policies.questions import MatchInput, PermitInput
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.statements.obligations import MAX_RETENTION_DAYS, Obligations
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Part
from tacita_protocol.statements.vocabulary import Code

MAX_REASONS = 16
"""Most reasons of one decision; a statement carries as many."""


class Entrypoint(StrEnum):
    """The questions that a policy answers; the value is the path of the Rego package."""

    BROKER_DISCOVER = "tacita/broker/discover"
    """May this partner know of that dataset? (`DiscoverInput`)"""
    BROKER_MATCH = "tacita/broker/match"
    """May this match happen at all in this federation? (`MatchInput`)"""
    NODE_AGREE = "tacita/node/agree"
    """May this node sign that agreement? (`AgreeInput`)"""
    NODE_DISCLOSE = "tacita/node/disclose"
    """May this label, contact, record or referral go to that partner? (`DiscloseInput`)"""
    NODE_RESPOND = "tacita/node/respond"
    """Does the owner of the data agree to the match? (`MatchInput`)"""


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


class Disclosable(Part):
    """What an allowed disclosure may carry, and under which conditions."""

    items: Annotated[tuple[Code, ...], Field(min_length=1, max_length=32)]
    approvals: Annotated[tuple[Code, ...], Field(max_length=8)]
    """People who must have approved, by role; they have."""
    retention_days: Annotated[int, Field(ge=0, le=MAX_RETENTION_DAYS)]
    """Days for which the recipient may keep it."""


class Permission(Part):
    """The answer where there is nothing to negotiate: yes, or no with at least one reason.

    Raises:
        ValidationError: the parts contradict each other.
    """

    allow: bool
    reasons: Annotated[tuple[Reason, ...], Field(max_length=MAX_REASONS)]
    obligations: Disclosable | None = None
    """Given with an allowed disclosure, and with nothing else."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.allow == bool(self.reasons):
            raise ValueError("a denial gives reasons and an allowance gives none")
        if not self.allow and self.obligations is not None:
            raise ValueError("a denial carries no obligations")
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
    Failure.TIMEOUT: "The policy did not answer in time, so this is not allowed. Try again, or tell the operator.",
    Failure.UNAVAILABLE: "The policy could not be asked, so this is not allowed. Try again, or tell the operator.",
    Failure.BUSY: "Too many decisions are waiting, so this is not allowed. Try again later.",
    Failure.ERROR: "The policy failed on this request, so this is not allowed. Tell the operator.",
    Failure.UNDEFINED: "The policy says nothing about this request, so this is not allowed. Tell the operator.",
    Failure.MALFORMED: "The policy gave an unusable answer, so this is not allowed. Tell the operator.",
    Failure.NOTHING_LEFT: "The policies that must all allow this have nothing in common that they permit.",
}


def denied_by(failure: Failure) -> Decision:
    """The denial for a policy that failed (fail closed)."""
    return Decision(
        allow=False, reasons=(Reason(code=failure.value, message=_SENTENCES[failure]),), obligations=NOTHING
    )


def refused_by(failure: Failure) -> Permission:
    """The same for a question that is answered with a permission."""
    return Permission(allow=False, reasons=denied_by(failure).reasons)


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

    async def permit(self, entrypoint: Entrypoint, input: PermitInput) -> Permission:  # noqa: A002 - OPA's own term
        """Evaluate; never raises for a failing policy: it denies."""
        ...

    async def permit_each(self, entrypoint: Entrypoint, inputs: Sequence[PermitInput]) -> tuple[Permission, ...]:
        """The answers to many questions of one kind, in their order: cheaper than one by one, and failing the same."""
        ...

    async def close(self) -> None:
        """Stop; further decisions are denials."""
        ...
