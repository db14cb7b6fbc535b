"""The broker's decision about a match: a grant for single use, or a denial with reasons."""

from typing import ClassVar, Self

from pydantic import model_validator

from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.reason import Reasons
from tacita_protocol.statements.statement import Statement
from tacita_protocol.statements.vocabulary import (
    BrokerId,
    Code,
    HexDigest,
    MatchId,
    NormaliserVersion,
    PaddedCount,
    UnixTime,
)

MAX_START_DELAY = 600
"""Seconds from a grant to the latest acceptance."""


class Grant(Statement):
    """Signed by the broker. Pins the engine, the normaliser and both padded counts of the one match it allows."""

    TYPE: ClassVar[str] = "grant"

    match: MatchId
    request: HexDigest
    broker: BrokerId
    policy: HexDigest
    obligations: Obligations
    engine: Code
    normaliser: NormaliserVersion
    requester_count: PaddedCount
    """The request's padded count."""
    responder_count: PaddedCount
    """The padded size on the dataset's card."""
    issued: UnixTime
    start_before: UnixTime
    finish_before: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.issued < self.start_before <= self.issued + MAX_START_DELAY:
            raise ValueError("start_before is not within the allowed delay after issued")
        if self.finish_before < self.start_before:
            raise ValueError("finish_before lies before start_before")
        return self


class Denial(Statement):
    """Signed by the broker; told to the requester only."""

    TYPE: ClassVar[str] = "denial"

    match: MatchId
    request: HexDigest
    broker: BrokerId
    policy: HexDigest
    reasons: Reasons
    issued: UnixTime
