"""Who a partner is: its card, self-signed, compared between people by fingerprint."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from tacita_protocol.statements.statement import Part, Signed, Statement
from tacita_protocol.statements.vocabulary import (
    Code,
    Jurisdictions,
    PartnerId,
    PartnerKind,
    SealingKeyText,
    ShortText,
    Text,
    UnixTime,
    VerifyKeyText,
)

MAX_CREDENTIALS = 16


class LegalEntity(Part):
    """The legal person behind a partner, with its number in a public register if it has one."""

    name: ShortText
    register_: Annotated[ShortText | None, Field(alias="register")]
    number: ShortText | None


class Credential(Part):
    """A standing under some scheme (as: registered under 314(b)), claimed by the partner, attested by somebody."""

    scheme: Code
    reference: ShortText
    valid_until: UnixTime
    attested_by: ShortText


class PartnerCard(Statement):
    """A partner's self-description and public keys, signed with the signing key it names."""

    TYPE: ClassVar[str] = "partner-card"

    partner: PartnerId
    name: ShortText
    kind: PartnerKind
    jurisdictions: Jurisdictions
    legal_entity: LegalEntity
    credentials: Annotated[tuple[Credential, ...], Field(max_length=MAX_CREDENTIALS)]
    signing_key: VerifyKeyText
    sealing_key: SealingKeyText
    witness_key: VerifyKeyText
    """For log cosignatures only; the witness has the partner's id as its name."""
    contact: Text
    issued: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.signing_key == self.witness_key:
            raise ValueError("one key serves two purposes")
        return self


def fingerprint(card: Signed[PartnerCard]) -> str:
    """The card's digest as 16 groups of 4 hex digits joined by hyphens, for people to compare over another channel."""
    return "-".join(card.digest[start : start + 4] for start in range(0, len(card.digest), 4))
