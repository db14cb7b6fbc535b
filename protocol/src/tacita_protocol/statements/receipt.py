"""What each side states at the end of a match: how it went, nothing about the outcome."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from tacita_protocol.statements.statement import Part, Statement
from tacita_protocol.statements.vocabulary import (
    MAX_ELEMENTS,
    Code,
    HexDigest,
    MatchId,
    PartnerId,
    Role,
    ShortText,
    UnixTime,
    VersionText,
)

TIME_GRAIN = 60
"""Seconds to which a receipt's times are floored."""
MAX_FRAMES = 2**32
MAX_CHARGED = 2 * MAX_ELEMENTS
"""A match has at most two runs, each with at most `MAX_ELEMENTS` evaluated."""


class ReceiptStatus(StrEnum):
    """How a side saw the match end."""

    COMPLETED = "completed"
    ABORTED = "aborted"


class Software(Part):
    """One component and its version, as far as the other side must know to reproduce the match."""

    name: ShortText
    version: VersionText


class Transcripts(Part):
    """Hash chains over the ciphertext frames of each direction."""

    requester: HexDigest
    responder: HexDigest


class FrameCounts(Part):
    """How many frames each side sent."""

    requester: Annotated[int, Field(ge=0, le=MAX_FRAMES)]
    responder: Annotated[int, Field(ge=0, le=MAX_FRAMES)]


class Receipt(Statement):
    """Signed by one side. `grant` and `engine` are null only when the match ended before a grant was verified."""

    TYPE: ClassVar[str] = "receipt"

    match: MatchId
    role: Role
    partner: PartnerId
    grant: HexDigest | None
    acceptance: HexDigest | None
    open: HexDigest | None
    transcripts: Transcripts
    frames: FrameCounts
    elements_charged: Annotated[int, Field(ge=0, le=MAX_CHARGED)]
    """Elements that the receivers could evaluate, over all runs; the same on both sides."""
    status: ReceiptStatus
    step: Code | None
    """The session state in which the match was aborted; null when it completed."""
    engine: Code | None
    software: Annotated[tuple[Software, ...], Field(max_length=8)]
    started: Annotated[UnixTime, Field(multiple_of=TIME_GRAIN)]
    ended: Annotated[UnixTime, Field(multiple_of=TIME_GRAIN)]
    custody: HexDigest
    """SHA-256(salt || custody head) from before the match's result."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        completed = self.status is ReceiptStatus.COMPLETED
        if completed and None in (self.grant, self.acceptance, self.open, self.engine):
            raise ValueError("a completed match cites grant, acceptance, open and engine")
        if completed != (self.step is None):
            raise ValueError("a step is named exactly when the match was aborted")
        if self.ended < self.started:
            raise ValueError("the match ends before it starts")
        return self
