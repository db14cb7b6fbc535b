"""The bodies of a node's local API, shared by the node that answers and the clients that ask.

Everything is strict: an unknown field, a wrong type or an over-long value is refused before any of it is used. Times
are whole seconds since 1970 UTC. Identifiers appear in exactly one place, `HitView.value`, which the node's own user
asked for.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_TEXT = 300
MAX_LIST = 32

Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
HexDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class NodeModel(BaseModel):
    """Base of every body: frozen, nothing extra, and no input repeated in error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NodeStatus(NodeModel):
    """`GET /v1/node`: who this node is and what it still needs before it can match."""

    partner: Slug
    name: Text
    kind: Code
    fingerprint: Text
    broker: Text
    broker_url: Text
    approved: bool
    trust: bool
    witness_vkey: Text
    version: Text


class RejectedLine(NodeModel):
    """One line of a source that was not imported: where, and why. Never what it said."""

    line: int = Field(ge=1)
    reason: Code


class ImportReport(NodeModel):
    """`POST /v1/datasets/{name}/imports`: accepted + duplicates + rejected = rows."""

    dataset: Slug
    kind: Code
    source: HexId
    rows: int
    accepted: int
    duplicates: int
    rejected: int
    rejects_preview: tuple[RejectedLine, ...]


class Rejects(NodeModel):
    """`GET /v1/datasets/{name}/rejects`: every rejected line of a source, in order."""

    source: HexId
    rejects: tuple[RejectedLine, ...]


class DatasetSummary(NodeModel):
    """One of this node's own datasets; `epoch` is the last published or prepared version, 0 when there is none."""

    dataset: Slug
    kind: Code
    records: int
    epoch: int
    published: bool
    sensitivity: Code | None


class DatasetList(NodeModel):
    """`GET /v1/datasets`."""

    datasets: tuple[DatasetSummary, ...]


class PublishOrder(NodeModel):
    """`POST /v1/datasets/{name}/publish`: what the dataset card will say besides what the node computes itself."""

    sensitivity: Code
    discoverable_by: tuple[Code, ...] = Field(min_length=1, max_length=MAX_LIST)
    jurisdictions: tuple[Country, ...] = Field(default=(), max_length=MAX_LIST)


class PublishReport(NodeModel):
    """What was published: the epoch and the padded size that everybody who may discover it sees."""

    dataset: Slug
    epoch: int
    padded_size: int


class CatalogueEntry(NodeModel):
    """Another partner's dataset that this node may discover."""

    owner: Slug
    dataset: Slug
    kind: Code
    epoch: int
    padded_size: int
    sensitivity: Code


class CatalogueView(NodeModel):
    """`GET /v1/catalogue`."""

    datasets: tuple[CatalogueEntry, ...]


class PartnerSummary(NodeModel):
    """A partner as the broker lists it. Only a fingerprint confirmed out of band makes its keys count."""

    partner: Slug
    name: Text
    kind: Code
    fingerprint: Text
    confirmed: bool


class PartnerSummaries(NodeModel):
    """`GET /v1/partners`."""

    partners: tuple[PartnerSummary, ...]


class Confirmation(NodeModel):
    """`POST /v1/partners/{id}/confirm`: the fingerprint as read out by the partner over another channel."""

    fingerprint: Text


class TermDraft(NodeModel):
    """One dataset of one side and what the other side may ask about it."""

    owner: Slug
    dataset: Slug
    kind: Code
    modes: tuple[Code, ...] = Field(default=("intersection",), min_length=1, max_length=MAX_LIST)
    engines: tuple[Code, ...] = Field(default=("ecdh",), min_length=1, max_length=MAX_LIST)
    result_to: tuple[Code, ...] = Field(default=("requester",), min_length=1, max_length=MAX_LIST)
    purposes: tuple[Code, ...] = Field(min_length=1, max_length=MAX_LIST)
    legal_bases: tuple[Code, ...] = Field(min_length=1, max_length=MAX_LIST)


class AgreementDraft(NodeModel):
    """`POST /v1/agreements`: what this node proposes to a confirmed partner, and signs first."""

    with_: Slug = Field(alias="with")
    terms: tuple[TermDraft, ...] = Field(min_length=1, max_length=MAX_LIST)
    units: int = Field(default=26_000, ge=1, le=10_000_000)
    period_days: int = Field(default=30, ge=1, le=366)
    valid_days: int = Field(default=90, ge=1, le=366)
    approved_by: tuple[Text, ...] = Field(min_length=1, max_length=8)
    their_approvers: tuple[Text, ...] = Field(min_length=1, max_length=8)

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class AgreementSummary(NodeModel):
    """An agreement as this node knows it: `proposed` (ours, unsigned by them), `received`, or `signed` by both."""

    agreement: HexId
    peer: Slug
    state: Literal["proposed", "received", "signed"]
    digest: HexDigest
    not_before: int
    not_after: int
    units: int
    period_days: int
    terms: tuple[TermDraft, ...]
    approved_by: tuple[Text, ...]
    their_approvers: tuple[Text, ...]


class AgreementList(NodeModel):
    """`GET /v1/agreements`."""

    agreements: tuple[AgreementSummary, ...]


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
