"""Asking for a match, and saying something in one."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.openapi import signed
from tacita_broker.access.signed import Signature, SignedCall
from tacita_broker.services import services_of
from tacita_protocol.api import MatchView, PromiseBody, StatementBody, parse_body
from tacita_protocol.statements.vocabulary import MatchId

router = APIRouter()

Match = Annotated[MatchId, Path()]
SAYING = signed({204: None}, 404, 409, 410, body=StatementBody)


@router.post("/v1/matches", **signed({201: PromiseBody, 200: PromiseBody}, 404, 409, body=StatementBody))
async def request_match(request: Request, call: Signature) -> Response:
    """Ask for a match: 201 with the promise to log it, or 200 for the same bytes again."""
    promise, new = await services_of(request).matches.request(call.caller, _envelope(call))
    return json_answer(promise, 201 if new else 200)


@router.get("/v1/matches/{match}", **signed({200: MatchView}, 404))
async def view_match(request: Request, match: Match, call: Signature) -> Response:
    """A match of the caller."""
    return json_answer(await services_of(request).matches.view(match, call.caller.partner))


@router.post("/v1/matches/{match}/acceptance", **SAYING)
async def accept(request: Request, match: Match, call: Signature) -> Response:
    """The responder accepts."""
    await services_of(request).matches.intake.accept(call.caller, match, _envelope(call))
    return Response(status_code=204)


@router.post("/v1/matches/{match}/refusal", **SAYING)
async def refuse(request: Request, match: Match, call: Signature) -> Response:
    """The responder refuses."""
    await services_of(request).matches.intake.refuse(call.caller, match, _envelope(call))
    return Response(status_code=204)


@router.post("/v1/matches/{match}/open", **SAYING)
async def open_match(request: Request, match: Match, call: Signature) -> Response:
    """The requester opens."""
    await services_of(request).matches.intake.open(call.caller, match, _envelope(call))
    return Response(status_code=204)


@router.post("/v1/matches/{match}/receipt", **SAYING)
async def receipt(request: Request, match: Match, call: Signature) -> Response:
    """A party's receipt."""
    await services_of(request).matches.intake.receipt(call.caller, match, _envelope(call))
    return Response(status_code=204)


def _envelope(call: SignedCall) -> str:
    return parse_body(StatementBody, call.body).envelope
