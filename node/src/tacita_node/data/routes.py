"""The local API of the node's own data."""

from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request

from tacita_node.access.openapi import BROKER, problems
from tacita_node.data.service import Publication
from tacita_node.pages import REJECTS_A_PAGE, After, after_position
from tacita_node.problems import ProblemError
from tacita_node.services import services_of
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_sdk.node_api import (
    DatasetList,
    DatasetSummary,
    HexId,
    PublishOrder,
    PublishReport,
    RejectedLine,
    Rejects,
    Slug,
)

router = APIRouter(prefix="/v1/datasets", tags=["data"])

Name = Annotated[Slug, Path()]
E = TypeVar("E", PartnerKind, Sensitivity)


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
async def rejects(
    request: Request,
    name: Name,
    source: Annotated[HexId, Query()],
    limit: Annotated[int, Query(ge=1, le=REJECTS_A_PAGE)] = REJECTS_A_PAGE,
    after: After = None,
) -> Rejects:
    """The rejected lines of one source, page by page: number and reason, never what it said."""
    found = await services_of(request).datasets.rejects(name, source, limit + 1, after=after_position(after))
    shown = tuple(RejectedLine(line=line, reason=reason) for line, reason in found[:limit])
    return Rejects(source=source, rejects=shown, next=str(shown[-1].line) if len(found) > limit else None)


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
