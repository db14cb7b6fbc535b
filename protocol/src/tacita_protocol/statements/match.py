"""Asking for a match, and the broker's promise that the question will be logged."""

from typing import ClassVar, Self

from pydantic import model_validator

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.dataset import Epoch
from tacita_protocol.statements.statement import Statement
from tacita_protocol.statements.vocabulary import (
    BrokerId,
    CaseReference,
    Code,
    DatasetName,
    Engines,
    HexDigest,
    MatchId,
    Mode,
    Nonce,
    NormaliserVersion,
    PaddedCount,
    PartnerId,
    ResultTo,
    SealingKeyText,
    UnixTime,
)


class MatchRequest(Statement):
    """Signed by the requester. The requester's own elements appear only as a padded count and a salted root."""

    TYPE: ClassVar[str] = "match-request"

    match: MatchId
    agreement: HexDigest | None
    """Digest of the agreement's payload; a broker may not see it, the responder's node demands one."""
    requester: PartnerId
    responder: PartnerId
    dataset: DatasetName
    epoch: Epoch
    kind: Kind
    normaliser: NormaliserVersion
    mode: Mode
    result_to: ResultTo
    engines: Engines
    """In order of preference."""
    padded_count: PaddedCount
    commitment: HexDigest
    purpose: Code
    legal_basis: Code
    case_reference: CaseReference
    ephemeral_key: SealingKeyText
    """Fresh for this match; the responder seals its secret to it."""
    nonce: Nonce
    issued: UnixTime
    expires: UnixTime

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.requester == self.responder:
            raise ValueError("requester and responder are the same partner")
        if self.expires <= self.issued:
            raise ValueError("the request expires before it is issued")
        return self


class Promise(Statement):
    """Signed by the broker on receipt: this request will be logged. Evidence against a broker that drops it."""

    TYPE: ClassVar[str] = "promise"

    match: MatchId
    request: HexDigest
    broker: BrokerId
    issued: UnixTime
