"""What a person found out about a hit. Nothing follows from a hit before somebody has looked."""

from enum import StrEnum
from typing import ClassVar

from tacita_protocol.statements.statement import Statement
from tacita_protocol.statements.vocabulary import (
    HitReference,
    MatchId,
    PartnerId,
    PersonReference,
    Text,
    UnixTime,
    VerdictId,
)


class VerdictOutcome(StrEnum):
    """What the hit turned out to be."""

    CONFIRMED = "confirmed"
    FALSE = "false"
    DUPLICATE = "duplicate"


class Verdict(Statement):
    """Signed by the partner that learned the hit."""

    TYPE: ClassVar[str] = "verdict"

    verdict: VerdictId
    match: MatchId
    partner: PartnerId
    hit: HitReference
    outcome: VerdictOutcome
    reason: Text
    """For people to read; never an identifier."""
    decided_by: PersonReference
    issued: UnixTime
