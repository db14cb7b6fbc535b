"""Every call of a node's local API, described once: `Node` and `AsyncNode` only carry them out,
and say what each does.

Names that go into a path are quoted, so that a name never becomes another path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from tacita_sdk.audit_export import AuditExport, AuditRecordDetail, AuditRecords
from tacita_sdk.node_api import (
    AgreementDraft,
    AgreementList,
    AgreementRevoked,
    AgreementSummary,
    CatalogueView,
    Confirmation,
    DatasetList,
    Distrusted,
    DoctorReport,
    Hits,
    ImportCancelled,
    ImportsUnderWay,
    MatchList,
    MatchOrder,
    MatchSummary,
    NodeStatus,
    PartnerSummaries,
    PartnerSummary,
    Provenance,
    PublishOrder,
    PublishReport,
    Rejects,
    Withdrawn,
)

Body = TypeVar("Body", bound=BaseModel)

REQUEST_TIMEOUT_SECONDS = 30.0
DOCTOR_TIMEOUT_SECONDS = 180.0
CANCEL_TIMEOUT_SECONDS = 300.0
"""A million rows that were staged are dropped before the answer comes."""


@dataclass(frozen=True)
class Call(Generic[Body]):
    """One request and the form of its answer. `timeout` is in seconds, without a byte."""

    model: type[Body]
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    timeout: float = REQUEST_TIMEOUT_SECONDS
    idempotent: bool = False
    """Whether sending it twice changes no more than sending it once, as its route says."""

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is asking once. What else changes something is never sent again by itself."""
        return self.method == "GET" or self.idempotent


def status() -> Call[NodeStatus]:
    return Call(NodeStatus, "GET", "/v1/node")


def doctor() -> Call[DoctorReport]:
    return Call(DoctorReport, "GET", "/v1/doctor", timeout=DOCTOR_TIMEOUT_SECONDS)


def datasets() -> Call[DatasetList]:
    return Call(DatasetList, "GET", "/v1/datasets")


def imports() -> Call[ImportsUnderWay]:
    return Call(ImportsUnderWay, "GET", "/v1/imports")


def cancel_import(source: str) -> Call[ImportCancelled]:
    return Call(ImportCancelled, "POST", f"/v1/imports/{_name(source)}/cancel", timeout=CANCEL_TIMEOUT_SECONDS)


def rejects(dataset: str, source: str, after: str | None = None) -> Call[Rejects]:
    options = _given({"source": source, "after": after})
    return Call(Rejects, "GET", f"/v1/datasets/{_name(dataset)}/rejects", options)


def provenance(source: str, line: int) -> Call[Provenance]:
    return Call(Provenance, "GET", f"/v1/records/{_name(source)}/{line}")


def publish(dataset: str, order: PublishOrder) -> Call[PublishReport]:
    return _post(PublishReport, f"/v1/datasets/{_name(dataset)}/publish", order)


def withdraw(dataset: str) -> Call[Withdrawn]:
    return _post(Withdrawn, f"/v1/datasets/{_name(dataset)}/withdraw")


def catalogue(after: str | None = None) -> Call[CatalogueView]:
    return Call(CatalogueView, "GET", "/v1/catalogue", _given({"after": after}))


def partners() -> Call[PartnerSummaries]:
    return Call(PartnerSummaries, "GET", "/v1/partners")


def confirm_partner(partner: str, fingerprint: str) -> Call[PartnerSummary]:
    return _post(PartnerSummary, f"/v1/partners/{_name(partner)}/confirm", Confirmation(fingerprint=fingerprint))


def distrust_partner(partner: str) -> Call[Distrusted]:
    return _post(Distrusted, f"/v1/partners/{_name(partner)}/distrust")


def agreements(after: str | None = None) -> Call[AgreementList]:
    return Call(AgreementList, "GET", "/v1/agreements", _given({"after": after}))


def agreement(agreement: str) -> Call[AgreementSummary]:
    return Call(AgreementSummary, "GET", f"/v1/agreements/{_name(agreement)}")


def propose_agreement(draft: AgreementDraft) -> Call[AgreementSummary]:
    return _post(AgreementSummary, "/v1/agreements", draft)


def sign_agreement(agreement: str) -> Call[AgreementSummary]:
    return _post(AgreementSummary, f"/v1/agreements/{_name(agreement)}/sign")


def revoke_agreement(agreement: str) -> Call[AgreementRevoked]:
    return _post(AgreementRevoked, f"/v1/agreements/{_name(agreement)}/revoke")


def order_match(order: MatchOrder) -> Call[MatchSummary]:
    return _post(MatchSummary, "/v1/matches", order)


def matches(after: str | None = None) -> Call[MatchList]:
    return Call(MatchList, "GET", "/v1/matches", _given({"after": after}))


def match(match: str) -> Call[MatchSummary]:
    return Call(MatchSummary, "GET", f"/v1/matches/{_name(match)}")


def cancel_match(match: str) -> Call[MatchSummary]:
    return _post(MatchSummary, f"/v1/matches/{_name(match)}/cancel")


def hits(match: str, after: str | None = None) -> Call[Hits]:
    return Call(Hits, "GET", f"/v1/matches/{_name(match)}/hits", _given({"after": after}))


def audit_records(after: str | None = None) -> Call[AuditRecords]:
    return Call(AuditRecords, "GET", "/v1/audit/records", _given({"after": after}))


def audit_record(match: str) -> Call[AuditRecordDetail]:
    return Call(AuditRecordDetail, "GET", f"/v1/audit/records/{_name(match)}")


def audit_export() -> Call[AuditExport]:
    return Call(AuditExport, "GET", "/v1/audit/export")


def _post(model: type[Body], path: str, body: BaseModel | None = None) -> Call[Body]:
    content = None if body is None else body.model_dump_json(by_alias=True).encode()
    return Call(model, "POST", path, content=content)


def _given(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _name(name: str) -> str:
    return quote(name, safe="")
