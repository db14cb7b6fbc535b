"""Who a node is."""

from tacita_sdk.node_api.base import Code, NodeModel, Slug, Text


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
