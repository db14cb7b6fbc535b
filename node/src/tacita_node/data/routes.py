"""The local API of the node's own data."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request

from tacita_node.access.openapi import BROKER, problems
from tacita_node.data.imports import ImportOrder
from tacita_node.data.service import Publication
from tacita_node.data.sources import Delimiter
from tacita_node.problems import ProblemError
from tacita_node.services import services_of
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_sdk.node_api import (
    DatasetList,
    DatasetSummary,
    HexId,
    ImportReport,
    PublishOrder,
    PublishReport,
    RejectedLine,
    Rejects,
    Slug,
)

REJECTS_SHOWN = 20
"""Rejected lines in an import's report; all of them are at /rejects."""

CSV_TYPES = frozenset({"text/csv", "text/tab-separated-values"})
SOURCE_BODY = {
    "requestBody": {
        "description": "The file: UTF-8, a header line, one record a line.",
        "required": True,
        "content": {media: {"schema": {"type": "string"}} for media in sorted(CSV_TYPES)},
    }
}

router = APIRouter(prefix="/v1/datasets", tags=["data"])

Name = Annotated[Slug, Path()]
E = TypeVar("E", PartnerKind, Sensitivity)


@router.post("/{name}/imports", openapi_extra=SOURCE_BODY, responses=problems(409))
async def import_source(
    request: Request,
    name: Name,
    kind: Annotated[Kind, Query()],
    column: Annotated[str | None, Query(min_length=1, max_length=300)] = None,
    region: Annotated[str | None, Query(pattern=r"^[A-Z]{2}$")] = None,
    delimiter: Annotated[Delimiter | None, Query()] = None,
) -> ImportReport:
    """Imports one column of a CSV file, all of it or nothing; the body is the file."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in CSV_TYPES:
        raise ProblemError(415, "csv-needed", "Send the file itself, as text/csv.")
    order = ImportOrder(name, kind, column, region, delimiter)
    done = await services_of(request).datasets.import_source(await request.body(), order)
    shown = tuple(RejectedLine(line=line, reason=reason) for line, reason in done.rejects[:REJECTS_SHOWN])
    return ImportReport(
        dataset=name,
        kind=kind.value,
        source=done.source,
        rows=done.rows,
        accepted=done.accepted,
        duplicates=done.duplicates,
        rejected=len(done.rejects),
        rejects_preview=shown,
    )


@router.get("")
async def datasets(request: Request) -> DatasetList:
    """This node's own datasets."""
    states = await services_of(request).datasets.datasets()
    return DatasetList(
        datasets=tuple(
            DatasetSummary(
                dataset=state.name,
                kind=state.kind.value,
                records=state.records,
                epoch=state.epoch,
                published=state.card is not None,
                sensitivity=None if state.card is None else state.card.sensitivity.value,
            )
            for state in states
        )
    )


@router.get("/{name}/rejects", responses=problems(404))
async def rejects(request: Request, name: Name, source: Annotated[HexId, Query()]) -> Rejects:
    """Every rejected line of one source: number and reason, never what it said."""
    found = await services_of(request).datasets.rejects(name, source)
    return Rejects(source=source, rejects=tuple(RejectedLine(line=line, reason=reason) for line, reason in found))


@router.post("/{name}/publish", responses=problems(404, *BROKER))
async def publish(request: Request, name: Name, order: PublishOrder) -> PublishReport:
    """Publishes the present data as an epoch: a signed card goes to the broker."""
    publication = Publication(
        sensitivity=_member(Sensitivity, order.sensitivity, "sensitivity"),
        discoverable_by=tuple(_member(PartnerKind, kind, "discoverable_by") for kind in order.discoverable_by),
        jurisdictions=order.jurisdictions,
    )
    card = await services_of(request).datasets.publish(name, publication)
    return PublishReport(dataset=name, epoch=card.epoch, padded_size=card.padded_size)


def _member(cls: type[E], text: str, field: str) -> E:
    try:
        return cls(text)
    except ValueError:
        choices = ", ".join(member.value for member in cls)
        raise ProblemError(422, "unknown-word", f"{field} is one of: {choices}.") from None
