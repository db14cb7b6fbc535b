"""Asking for a match, and the broker's promise that the question will be logged."""

from typing import ClassVar, Self

from pydantic import model_validator

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.dataset import Epoch
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.statement import Part, Statement
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


class SenderDecision(Part):
    """What the requester's own node decided about letting its set be tested."""

    policy: HexDigest
    obligations: Obligations


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
    sender_decision: SenderDecision | None
    """Present exactly when the owner learns something, and so tests the requester's set."""
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
        if (self.sender_decision is not None) != (self.result_to is not ResultTo.REQUESTER):
            raise ValueError("the requester's own decision is given exactly when its set is tested")
        if self.mode is Mode.CARDINALITY and self.result_to is not ResultTo.REQUESTER:
            raise ValueError("a cardinality goes to the requester only")
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
