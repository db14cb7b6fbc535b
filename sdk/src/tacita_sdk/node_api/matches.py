"""Matches, and what they found."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from tacita_sdk.node_api.base import Code, HexId, NodeModel, NodePage, Slug, Text


class MatchOrder(NodeModel):
    """`POST /v1/matches`: match an own dataset against `partner/dataset`.

    `mode` is `intersection` (which ones) or `cardinality` (only how many); `result_to` says who learns it.
    `case` is the local case reference. It leaves the node only as an HMAC under a key of this pair of partners.
    `agreement` may name one to rely on; without it the node takes the one that covers the order, or none.
    `sensitivity` says how sensitive an own dataset is that was never published: whether the owner may test it, when
    `result_to` is not `requester`, depends on that. For a published one its card counts.
    """

    dataset: Slug
    with_: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9-]{0,62}$"), Field(alias="with")
    ]
    mode: Code = "intersection"
    result_to: Code = "requester"
    purpose: Code
    basis: Code
    case: Text = Field(repr=False)
    agreement: HexId | None = None
    sensitivity: Code | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class ReasonView(NodeModel):
    """Why a match was denied, refused or aborted, or its result lost, in a plain sentence."""

    code: Code
    message: Text


class MatchProgress(NodeModel):
    """How far this node is with the computing of a match, in elements of its engine."""

    done: int = Field(ge=0)
    total: int = Field(ge=1)


class MatchSummary(NodeModel):
    """A match as this node sees it.

    `hits` is set once they are released to this side, never before the closing proof verified: the number of own
    records in `GET /v1/matches/{match}/hits`, or in mode `cardinality` a rounded number of which there is no list.
    `result_to` says who learns: `requester`, `owner` (a silent hit: the asker learns nothing), or `both`.
    """

    match: HexId
    role: Literal["requester", "responder"]
    peer: Slug
    dataset: Slug
    kind: Code
    mode: Code
    result_to: Code
    state: Code
    outcome: Code | None
    reasons: tuple[ReasonView, ...]
    hits: int | None
    progress: MatchProgress | None = Field(default=None, description="while the engine computes here")
    started: int
    ended: int | None
    closed: bool = Field(description="the closing entry's proof has been verified")

    @property
    def learns(self) -> bool:
        """Whether this side is one that the result goes to."""
        asked_for_itself = "requester" if self.role == "requester" else "owner"
        return self.result_to in (asked_for_itself, "both")


class MatchList(NodePage):
    """`GET /v1/matches`, newest first."""

    matches: tuple[MatchSummary, ...]


class HitView(NodeModel):
    """One own record that the partner holds too, led back to the line of the source it came from."""

    source: HexId
    line: int
    value: str = Field(repr=False)  # an identifier must not get into a log line or a trace


class Hits(NodePage):
    """`GET /v1/matches/{id}/hits`, with the notice that must be shown wherever a hit is.

    Sources come in the order of their import, the hits of each by line.
    """

    match: HexId
    hits: tuple[HitView, ...]
    notice: Text
