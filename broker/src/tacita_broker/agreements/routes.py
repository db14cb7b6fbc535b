"""Sending and reading agreements."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.openapi import signed
from tacita_broker.access.signed import Signature
from tacita_broker.services import services_of
from tacita_protocol.api import AgreementBody, parse_body
from tacita_protocol.statements.vocabulary import AgreementId

router = APIRouter()


@router.post("/v1/agreements", **signed({201: None, 200: None}, 404, 409, body=AgreementBody))
async def send(request: Request, call: Signature) -> Response:
    """Propose an agreement, or return one with both signatures: 201, or 200 for what the broker has already."""
    body = parse_body(AgreementBody, call.body)
    new = await services_of(request).agreements.receive(call.caller, body.envelope)
    return Response(status_code=201 if new else 200, headers={"cache-control": "no-store"})


@router.get("/v1/agreements/{agreement}", **signed({200: AgreementBody}, 404))
async def read(request: Request, agreement: Annotated[AgreementId, Path()], call: Signature) -> Response:
    """An agreement of the caller."""
    return json_answer(await services_of(request).agreements.find(call.caller.partner, agreement))
