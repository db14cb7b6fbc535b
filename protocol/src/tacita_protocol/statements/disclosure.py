"""What an owner releases about a hit, step by step: a label, a contact, a record."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from tacita_protocol.statements.statement import Part, Statement
from tacita_protocol.statements.vocabulary import (
    Code,
    DisclosureId,
    Distinct,
    Handling,
    HexDigest,
    MatchId,
    PartnerId,
    PersonReference,
    SealedText,
    UnixTime,
)

MAX_ITEMS = 32
MAX_APPROVALS = 8


class Stage(StrEnum):
    """How much is released; each stage is decided and approved anew."""

    LABEL = "label"
    CONTACT = "contact"
    RECORD = "record"


class DisclosedItem(Part):
    """One value. Its name is public to whoever sees the statement, the value is for the recipient alone."""

    field: Code
    sealed: SealedText


class Disclosure(Statement):
    """Signed by the owner, to one recipient, for one purpose."""

    TYPE: ClassVar[str] = "disclosure"

    disclosure: DisclosureId
    match: MatchId
    owner: PartnerId
    recipient: PartnerId
    stage: Stage
    purpose: Code
    legal_basis: Code
    items: Annotated[tuple[DisclosedItem, ...], Field(min_length=1, max_length=MAX_ITEMS)]
    policy: HexDigest
    """Of the policy that allowed it."""
    approvals: Annotated[tuple[PersonReference, ...], Field(max_length=MAX_APPROVALS), Distinct]
    handling: Handling
    issued: UnixTime
    expires: UnixTime | None
    """From then on the recipient keeps it no longer; null leaves that to the agreement."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.owner == self.recipient:
            raise ValueError("owner and recipient are the same partner")
        if len({item.field for item in self.items}) != len(self.items):
            raise ValueError("a field is disclosed twice")
        if self.expires is not None and self.expires <= self.issued:
            raise ValueError("the disclosure expires before it is issued")
        return self
