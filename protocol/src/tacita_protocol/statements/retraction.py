"""Withdrawing what was released: it was wrong, or may be used no longer."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from tacita_protocol.statements.statement import Part, Statement
from tacita_protocol.statements.vocabulary import (
    Code,
    HexDigest,
    HitReference,
    MatchId,
    PartnerId,
    RetractionId,
    UnixTime,
)


class RetractedHit(Part):
    """One hit of a match."""

    type: Literal["hit"] = "hit"
    match: MatchId
    hit: HitReference


class RetractedRelease(Part):
    """Something that was released as a whole, by the digest of what released it."""

    type: Literal["label", "referral", "disclosure", "bundle"]
    digest: HexDigest


Retracted: TypeAlias = RetractedHit | RetractedRelease


class Retraction(Statement):
    """Signed by whoever released the subject, for everybody who received it."""

    TYPE: ClassVar[str] = "retraction"

    retraction: RetractionId
    issuer: PartnerId
    subject: Annotated[Retracted, Field(discriminator="type")]
    reason: Code
    replaces: HexDigest | None
    """Digest of an earlier retraction of the same subject that this one corrects."""
    issued: UnixTime
