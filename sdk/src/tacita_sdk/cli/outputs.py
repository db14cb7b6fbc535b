"""What each command of `tacita` answers with --json, by its words. docs/schemas/ is made of it."""

from collections.abc import Mapping
from typing import Any, Final

from tacita_sdk.audit_export import AuditRecord, AuditRecordDetail
from tacita_sdk.cli.answers import ExportWritten, Verified, WitnessMade
from tacita_sdk.cli.profiles import Profiles
from tacita_sdk.node_api import (
    AgreementRevoked,
    AgreementSummary,
    CatalogueEntry,
    DatasetSummary,
    Distrusted,
    DoctorReport,
    Hits,
    ImportCancelled,
    ImportReport,
    ImportUnderWay,
    MatchSummary,
    NodeStatus,
    PartnerSummary,
    Preview,
    Provenance,
    PublishReport,
    RejectedLine,
    Withdrawn,
)

OUTPUTS: Final[Mapping[str, Any]] = {
    "node status": NodeStatus,
    "data import": ImportReport | Preview,
    "data imports": tuple[ImportUnderWay, ...],
    "data cancel": ImportCancelled,
    "data list": tuple[DatasetSummary, ...],
    "data rejects": tuple[RejectedLine, ...],
    "data provenance": Provenance,
    "data publish": PublishReport,
    "data withdraw": Withdrawn,
    "data catalogue": tuple[CatalogueEntry, ...],
    "agreements partners": tuple[PartnerSummary, ...],
    "agreements confirm": PartnerSummary,
    "agreements distrust": Distrusted,
    "agreements propose": AgreementSummary,
    "agreements list": tuple[AgreementSummary, ...],
    "agreements show": AgreementSummary,
    "agreements sign": AgreementSummary,
    "agreements revoke": AgreementRevoked,
    "match run": MatchSummary,
    "match wait": MatchSummary,
    "match list": tuple[MatchSummary, ...],
    "match show": MatchSummary,
    "match cancel": MatchSummary,
    "match hits": Hits,
    "audit list": tuple[AuditRecord, ...],
    "audit show": AuditRecordDetail,
    "audit export": ExportWritten,
    "audit verify": Verified,
    "witness init": WitnessMade,
    "profile add": Profiles,
    "profile list": Profiles,
    "profile use": Profiles,
    "profile remove": Profiles,
    "doctor": DoctorReport,
}


def schema_of(answer: Any, title: str) -> dict[str, Any]:
    """The JSON schema (2020-12) of an answer, as it is printed."""
    from pydantic import TypeAdapter

    made = TypeAdapter(answer).json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": f"{title} --json"}
