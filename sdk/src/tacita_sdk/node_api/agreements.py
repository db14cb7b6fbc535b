"""Agreements with other partners."""

from typing import Literal

from pydantic import ConfigDict, Field

from tacita_sdk.node_api.base import MAX_LIST, Code, HexDigest, HexId, NodeModel, NodePage, Slug, Text

MAX_UNITS = 2**26
"""Most padded elements that an agreement can cap."""


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
    documents: dict[Code, tuple[HexDigest, ...]] = Field(default_factory=dict, max_length=MAX_LIST)
    """By legal basis, the SHA-256 of each document that supports it (assessment, permit); the basis says which."""


class AgreementDraft(NodeModel):
    """`POST /v1/agreements`: what this node proposes to a confirmed partner, and signs first."""

    with_: Slug = Field(alias="with")
    class_: Code = Field(default="single", alias="class")
    """`single`, `standing` (a book against a list, day by day) or `question` (a handful about one legal entity)."""
    terms: tuple[TermDraft, ...] = Field(min_length=1, max_length=MAX_LIST)
    units: int = Field(default=26_000, ge=1, le=MAX_UNITS)
    period_days: int = Field(default=30, ge=1, le=366)
    per_minute: int | None = Field(default=None, ge=1, le=MAX_UNITS)
    """Peak rate in units; for a standing agreement only, which needs one."""
    valid_days: int = Field(default=90, ge=1, le=366)
    approved_by: tuple[Text, ...] = Field(min_length=1, max_length=8)
    their_approvers: tuple[Text, ...] = Field(min_length=1, max_length=8)

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class AgreementSummary(NodeModel):
    """An agreement as this node knows it: `proposed` (ours, unsigned by them), `received`, or `signed` by both.

    It ends as `revoked` by one of them, as `void` when a card in it was replaced, or as `partner-revoked` when the
    broker revoked the other party. An ended one covers nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    agreement: HexId
    class_: Code = Field(alias="class")
    peer: Slug
    state: Literal["proposed", "received", "signed", "revoked", "void", "partner-revoked"]
    digest: HexDigest
    not_before: int
    not_after: int
    units: int
    period_days: int
    per_minute: int | None
    terms: tuple[TermDraft, ...]
    approved_by: tuple[Text, ...]
    their_approvers: tuple[Text, ...]


class AgreementList(NodePage):
    """`GET /v1/agreements`."""

    agreements: tuple[AgreementSummary, ...]


class AgreementRevoked(NodeModel):
    """`POST /v1/agreements/{id}/revoke`: it holds here; until it is `delivered`, the node goes on trying."""

    agreement: AgreementSummary
    delivered: bool
