"""Other partners and what they offer."""

from typing import Literal

from tacita_sdk.node_api.base import Code, NodeModel, NodePage, Slug, Text


class CatalogueEntry(NodeModel):
    """Another partner's dataset that this node may discover."""

    owner: Slug
    dataset: Slug
    kind: Code
    epoch: int
    padded_size: int
    sensitivity: Code


class CatalogueView(NodePage):
    """`GET /v1/catalogue`."""

    datasets: tuple[CatalogueEntry, ...]


class PartnerSummary(NodeModel):
    """A partner as the broker lists it. Only a fingerprint confirmed out of band makes its keys count.

    `standing`: `confirmed`; `unconfirmed`; `changed` when another card was confirmed here than the broker shows;
    `revoked` by the broker. `confirmed` is true for the first only.
    """

    partner: Slug
    name: Text
    kind: Code
    fingerprint: Text
    confirmed: bool
    standing: Literal["confirmed", "unconfirmed", "changed", "revoked"]


class PartnerSummaries(NodeModel):
    """`GET /v1/partners`."""

    partners: tuple[PartnerSummary, ...]


class Confirmation(NodeModel):
    """`POST /v1/partners/{id}/confirm`: the fingerprint as read out by the partner over another channel."""

    fingerprint: Text


class Distrusted(NodeModel):
    """`POST /v1/partners/{id}/distrust`: the confirmation was taken back, at this node only."""

    partner: Slug
