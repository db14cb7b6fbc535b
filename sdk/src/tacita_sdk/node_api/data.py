"""Own data: imports, datasets, publications."""

from pydantic import Field

from tacita_sdk.node_api.base import MAX_LIST, Code, Country, HexId, NodeModel, NodePage, Slug

MAX_LINE = 2**53 - 1
"""The largest number of a line that JSON can say."""


class RejectedLine(NodeModel):
    """One line of a source that was not imported: where, and why. Never what it said."""

    line: int = Field(ge=1)
    reason: Code


class Rejects(NodePage):
    """`GET /v1/datasets/{name}/rejects`: the rejected lines of a source, in order."""

    source: HexId
    rejects: tuple[RejectedLine, ...]


class Provenance(NodeModel):
    """`GET /v1/records/{source}/{line}`: where a record came from, and how its source was read.

    `column` counts from 1; `rejected` says why the line became no record, null when it became one.
    """

    source: HexId
    line: int
    dataset: Slug
    kind: Code
    imported: int
    rejected: Code | None
    column: int
    delimiter: str
    region: Country | None
    extractor: str
    rows: int


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


class Withdrawn(NodeModel):
    """`POST /v1/datasets/{name}/withdraw`: it holds here; until it is `delivered`, the node goes on trying."""

    dataset: Slug
    delivered: bool
