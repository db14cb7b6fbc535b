"""Handing a case to another partner, or to an authority."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from tacita_protocol.statements.statement import Statement
from tacita_protocol.statements.vocabulary import (
    Code,
    Distinct,
    Handling,
    HexDigest,
    MatchId,
    PartnerId,
    PersonReference,
    ReferralId,
    UnixTime,
)

MAX_ATTACHMENTS = 32


class Referral(Statement):
    """Signed by the sender. Only digests: the summary and what is attached travel sealed beside it."""

    TYPE: ClassVar[str] = "referral"

    referral: ReferralId
    sender: PartnerId
    recipient: PartnerId
    match: MatchId | None
    """The match that led to it, if one did."""
    purpose: Code
    legal_basis: Code
    handling: Handling
    summary: HexDigest
    attachments: Annotated[tuple[HexDigest, ...], Field(max_length=MAX_ATTACHMENTS), Distinct]
    approved_by: Annotated[tuple[PersonReference, PersonReference], Distinct]
    """Two people: nobody refers a case alone."""
    issued: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sender == self.recipient:
            raise ValueError("sender and recipient are the same partner")
        return self
