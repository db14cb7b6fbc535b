"""The responder's answer to a grant, and the requester's opening of the session."""

from typing import ClassVar

from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.reason import Reasons
from tacita_protocol.statements.statement import Statement
from tacita_protocol.statements.vocabulary import (
    HexDigest,
    MatchId,
    Partitions,
    PartnerId,
    SealedSecret,
    SealingKeyText,
    UnixTime,
)


class Acceptance(Statement):
    """Signed by the responder after it verified the grant in the witnessed log and decided by its own policy."""

    TYPE: ClassVar[str] = "acceptance"

    match: MatchId
    grant: HexDigest
    responder: PartnerId
    policy: HexDigest
    obligations: Obligations
    partitions: Partitions
    """Parts of every run; 1 leaves it whole."""
    ephemeral_key: SealingKeyText
    sealed_secret: SealedSecret
    """s1, sealed to the request's ephemeral key."""
    issued: UnixTime


class Refusal(Statement):
    """Signed by the responder: its own policy, budget or people say no."""

    TYPE: ClassVar[str] = "refusal"

    match: MatchId
    grant: HexDigest
    responder: PartnerId
    policy: HexDigest | None
    reasons: Reasons
    issued: UnixTime


class Open(Statement):
    """Signed by the requester: from here on both sides hold the session keys."""

    TYPE: ClassVar[str] = "open"

    match: MatchId
    acceptance: HexDigest
    requester: PartnerId
    sealed_secret: SealedSecret
    """s2, sealed to the acceptance's ephemeral key."""
    issued: UnixTime
