"""What a node shows an auditor: every signed statement and proof of its matches, nothing of what was found.

Decisions and closings stand here exactly as the broker handed them over, so that they verify without broker and node.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tacita_protocol.api import Envelope, LoggedClosing, LoggedDecision
from tacita_sdk.node_api import Code, HexDigest, HexId, NodeModel, NodePage, Slug

MAX_EXPORT_MATCHES = 10_000
MAX_EXPORT_CARDS = 1_000


class ExportedMatch(NodeModel):
    """All signed statements of one match."""

    match: HexId
    role: Literal["requester", "responder"]
    request: Envelope
    decision: LoggedDecision | None
    acceptance: Envelope | None
    refusal: Envelope | None
    open: Envelope | None
    receipt: Envelope | None = Field(description="this node's own receipt, as it was sent")
    closing: LoggedClosing | None


class AuditExport(NodeModel):
    """`GET /v1/audit/export`: the newest matches, oldest first, and how many older ones were left out.

    `cards` holds the envelopes of the node's own card and of each peer's, as they were when the matches took place;
    `rotations` lead from each replaced card to the next one.
    """

    v: Literal[1] = 1
    partner: Slug
    broker: Slug
    broker_key: Annotated[str, StringConstraints(max_length=64)]
    cards: tuple[Envelope, ...] = Field(max_length=MAX_EXPORT_CARDS)
    rotations: tuple[Envelope, ...] = Field(default=(), max_length=MAX_EXPORT_CARDS)
    matches: tuple[ExportedMatch, ...] = Field(max_length=MAX_EXPORT_MATCHES)
    left_out: int = Field(default=0, ge=0)


class AuditRecord(NodeModel):
    """One match as an auditor reads it in a list. `opening` and `closing` are the numbers of its entries in the log."""

    match: HexId
    role: Literal["requester", "responder"]
    peer: Slug
    dataset: Slug
    kind: Code
    mode: Code
    result_to: Code
    purpose: Code
    basis: Code
    decision: Literal["granted", "denied"] | None
    policy: HexDigest | None = Field(description="digest of the policy that the broker decided by")
    outcome: Code | None
    opening: int | None
    closing: int | None
    started: int
    ended: int | None


class AuditRecords(NodePage):
    """`GET /v1/audit/records`, newest first."""

    records: tuple[AuditRecord, ...]


class AuditRecordDetail(NodeModel):
    """`GET /v1/audit/records/{match}`: one record, and every signed statement and proof under it."""

    record: AuditRecord
    statements: ExportedMatch
