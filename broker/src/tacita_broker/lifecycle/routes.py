"""Revoking, reading what was revoked, and replacing keys."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.openapi import signed
from tacita_broker.access.signed import Signature
from tacita_broker.services import services_of
from tacita_protocol.api import RevocationList, RotationBody, StatementBody, parse_body

router = APIRouter()

MAX_NUMBER = 2**53 - 1


@router.post("/v1/revocations", **signed({201: None, 200: None}, 404, 409, body=StatementBody))
async def revoke(request: Request, call: Signature) -> Response:
    """Revoke an own dataset or agreement: 201, or 200 for the same bytes again."""
    envelope = parse_body(StatementBody, call.body).envelope
    new = await services_of(request).revocations.receive(call.caller, envelope)
    return Response(status_code=201 if new else 200, headers={"cache-control": "no-store"})


@router.get("/v1/revocations", **signed({200: RevocationList}))
async def revocations(
    request: Request, call: Signature, after: Annotated[int, Query(ge=0, le=MAX_NUMBER)] = 0
) -> Response:
    """The revocations after number `after` that concern the caller."""
    return json_answer(await services_of(request).revocation_listing.after(call.caller.partner, after))


@router.post("/v1/rotations", **signed({201: None}, 404, 409, body=RotationBody))
async def rotate(request: Request, call: Signature) -> Response:
    """Replace the caller's keys; the request is signed with the old one, for the last time: 201."""
    await services_of(request).rotations.rotate(call.caller, parse_body(RotationBody, call.body))
    return Response(status_code=201, headers={"cache-control": "no-store"})
