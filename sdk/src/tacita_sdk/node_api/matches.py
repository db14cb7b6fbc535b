"""Matches, and what they found."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from tacita_sdk.node_api.base import Code, HexId, NodeModel, Slug, Text


class MatchOrder(NodeModel):
    """`POST /v1/matches`: match an own dataset against `partner/dataset`.

    `case` is the local case reference. It leaves the node only as an HMAC under a key of this pair of partners.
    `agreement` may name one to rely on; without it the node takes the one that covers the order, or none.
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

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class ReasonView(NodeModel):
    """Why a match was denied or refused, in a plain sentence."""

    code: Code
    message: Text


class MatchSummary(NodeModel):
    """A match as this node sees it. `hits` is set once they are released, never before the closing proof verified."""

    match: HexId
    role: Literal["requester", "responder"]
    peer: Slug
    dataset: Slug
    kind: Code
    state: Code
    outcome: Code | None
    reasons: tuple[ReasonView, ...]
    hits: int | None
    started: int
    ended: int | None
    closed: bool = Field(description="the closing entry's proof has been verified")


class MatchList(NodeModel):
    """`GET /v1/matches`, newest first."""

    matches: tuple[MatchSummary, ...]


class HitView(NodeModel):
    """One own record that the partner holds too, led back to the line of the source it came from."""

    source: HexId
    line: int
    value: str = Field(repr=False)  # an identifier must not get into a log line or a trace


class Hits(NodeModel):
    """`GET /v1/matches/{id}/hits`, with the notice that must be shown wherever a hit is."""

    match: HexId
    hits: tuple[HitView, ...]
    notice: Text
