"""Publishing and finding datasets."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.openapi import signed
from tacita_broker.access.signed import Signature
from tacita_broker.services import services_of
from tacita_protocol.api import Catalogue, DatasetView, StatementBody, parse_body
from tacita_protocol.statements.dataset import MAX_EPOCH
from tacita_protocol.statements.vocabulary import DatasetName

router = APIRouter()


@router.put("/v1/datasets/{name}/{epoch}", **signed({201: DatasetView, 200: DatasetView}, 404, 409, body=StatementBody))
async def publish(
    request: Request,
    name: Annotated[DatasetName, Path()],
    epoch: Annotated[int, Path(ge=1, le=MAX_EPOCH)],
    call: Signature,
) -> Response:
    """Publish one epoch of an own dataset: 201, or 200 for the same bytes again."""
    envelope = parse_body(StatementBody, call.body).envelope
    created = await services_of(request).catalogue.publish(call.caller, name, epoch, envelope)
    return json_answer(DatasetView(card=envelope), 201 if created else 200)


@router.get("/v1/catalogue", **signed({200: Catalogue}))
async def catalogue(request: Request, call: Signature) -> Response:
    """The datasets that the caller may discover."""
    return json_answer(await services_of(request).catalogue.catalogue(call.caller))
