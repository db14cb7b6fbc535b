"""Frames of a match."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from tacita_broker.access.bearer import bearer
from tacita_broker.access.body import BINARY_TYPE, read_binary_body
from tacita_broker.access.openapi import bearing
from tacita_broker.problems import too_many
from tacita_broker.services import services_of
from tacita_protocol.api import TokenScope
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.statements.vocabulary import MatchId

router = APIRouter()

Match = Annotated[MatchId, Path()]
Sequence = Annotated[int, Path(ge=0, le=2**32 - 1)]


@router.put(
    "/v1/matches/{match}/frames/{direction}/{seq}",
    **bearing({201: None, 200: None}, 404, 409, 410, body=BINARY_TYPE),
)
async def put_frame(request: Request, match: Match, direction: Direction, seq: Sequence) -> Response:
    """Hand in a frame of the caller's own direction: 201, or 200 for the same bytes again."""
    services = services_of(request)
    holder = bearer(request, TokenScope.FRAMES, match)
    frame = await read_binary_body(request, services.settings)
    stored = await services.relay.put(holder, match, direction, seq, frame)
    return Response(status_code=201 if stored else 200)


@router.get(
    "/v1/matches/{match}/frames/{direction}/{seq}",
    **bearing({200: BINARY_TYPE, 204: None}, 404, 410),
)
async def get_frame(
    request: Request,
    match: Match,
    direction: Direction,
    seq: Sequence,
    wait: Annotated[int, Query(ge=0, le=60)] = 0,
) -> Response:
    """A frame of the other direction: 200, 204 not yet, 410 when the match has ended."""
    services = services_of(request)
    holder = bearer(request, TokenScope.FRAMES, match)
    with services.places.take(holder.partner, services.settings.long_polls_per_partner) as free:
        if not free:
            raise too_many("too-many-waiting", "Too many requests of this partner wait at once.")
        frame = await services.relay.get(holder, match, direction, seq, wait)
    if frame is None:
        return Response(status_code=204)
    return Response(frame, headers={"cache-control": "no-store"}, media_type=BINARY_TYPE)
