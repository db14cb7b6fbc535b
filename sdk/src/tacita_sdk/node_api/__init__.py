"""The bodies of a node's local API, shared by the node that answers and the clients that ask.

Everything is strict: an unknown field, a wrong type or an over-long value is refused before any of it is used. Times
are whole seconds since 1970 UTC. Identifiers appear in two places, which the node's own user asked for: in
`HitView.value`, and in the `Preview` of the user's own file.
"""

from tacita_sdk.node_api.agreements import (
    AgreementDraft,
    AgreementList,
    AgreementRevoked,
    AgreementSummary,
    TermDraft,
)
from tacita_sdk.node_api.base import (
    MAX_LIST,
    MAX_TEXT,
    Code,
    Country,
    Cursor,
    HexDigest,
    HexId,
    NodeModel,
    NodePage,
    Slug,
    Text,
)
from tacita_sdk.node_api.data import (
    MAX_LINE,
    DatasetList,
    DatasetSummary,
    Provenance,
    PublishOrder,
    PublishReport,
    RejectedLine,
    Rejects,
    Withdrawn,
)
from tacita_sdk.node_api.doctor import DoctorReport, Finding
from tacita_sdk.node_api.imports import (
    ImportCancelled,
    ImportReport,
    ImportState,
    ImportsUnderWay,
    ImportUnderWay,
    Preview,
    PreviewedLine,
    UploadOrder,
    UploadState,
)
from tacita_sdk.node_api.matches import (
    Hits,
    HitView,
    MatchList,
    MatchOrder,
    MatchProgress,
    MatchSummary,
    ReasonView,
)
from tacita_sdk.node_api.partners import (
    CatalogueEntry,
    CatalogueView,
    Confirmation,
    Distrusted,
    PartnerSummaries,
    PartnerSummary,
)
from tacita_sdk.node_api.status import NodeStatus

__all__ = [
    "MAX_LINE",
    "MAX_LIST",
    "MAX_TEXT",
    "AgreementDraft",
    "AgreementList",
    "AgreementRevoked",
    "AgreementSummary",
    "CatalogueEntry",
    "CatalogueView",
    "Code",
    "Confirmation",
    "Country",
    "Cursor",
    "DatasetList",
    "DatasetSummary",
    "Distrusted",
    "DoctorReport",
    "Finding",
    "HexDigest",
    "HexId",
    "HitView",
    "Hits",
    "ImportCancelled",
    "ImportReport",
    "ImportState",
    "ImportUnderWay",
    "ImportsUnderWay",
    "MatchList",
    "MatchOrder",
    "MatchProgress",
    "MatchSummary",
    "NodeModel",
    "NodePage",
    "NodeStatus",
    "PartnerSummaries",
    "PartnerSummary",
    "Preview",
    "PreviewedLine",
    "Provenance",
    "PublishOrder",
    "PublishReport",
    "ReasonView",
    "RejectedLine",
    "Rejects",
    "Slug",
    "TermDraft",
    "Text",
    "UploadOrder",
    "UploadState",
    "Withdrawn",
]
