"""Erasing the sealed record of a match: the log keeps its digest, and this says why nothing is behind it."""

from typing import ClassVar, Self

from pydantic import model_validator

from tacita_protocol.statements.statement import Statement
from tacita_protocol.statements.vocabulary import Code, HexDigest, PartnerId, UnixTime


class Erasure(Statement):
    """Signed by the partner and by the regulator; neither can erase alone."""

    TYPE: ClassVar[str] = "erasure"

    partner: PartnerId
    regulator: PartnerId
    sealed: HexDigest
    """Digest of the sealed record, as the log entry holds it."""
    reason: Code
    issued: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.partner == self.regulator:
            raise ValueError("partner and regulator are the same")
        return self
