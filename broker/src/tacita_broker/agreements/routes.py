"""Sending and reading agreements."""

from fastapi import APIRouter, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.signed import Signature
from tacita_broker.services import services_of
from tacita_protocol.api import AgreementBody, parse_body

router = APIRouter()


@router.post("/v1/agreements")
async def send(request: Request, call: Signature) -> Response:
    """Propose an agreement, or return one with both signatures: 201, or 200 for what the broker has already."""
    body = parse_body(AgreementBody, call.body)
    new = await services_of(request).agreements.receive(call.caller, body.envelope)
    return Response(status_code=201 if new else 200, headers={"cache-control": "no-store"})


@router.get("/v1/agreements/{agreement}")
async def read(request: Request, agreement: str, call: Signature) -> Response:
    """An agreement of the caller."""
    return json_answer(await services_of(request).agreements.find(call.caller.partner, agreement))
