"""The public side of the log: files, the trust file, and witnesses that poll."""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from tacita_broker.access.body import BINARY_TYPE, read_json_body
from tacita_broker.access.openapi import public
from tacita_broker.errors import LogDamaged
from tacita_broker.log.service import PINNED
from tacita_broker.problems import not_found
from tacita_broker.services import services_of
from tacita_broker.waiting import first_news
from tacita_protocol.api import CosignatureBody, WitnessNext, parse_body

router = APIRouter()

_NUMBER = r"(?:x[0-9]{3}/){0,5}[0-9]{3}"
_OBJECT = re.compile(rf"tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])/{_NUMBER}(?:\.p/[1-9][0-9]{{0,2}})?", re.ASCII)

TEXT = "text/plain"
IMMUTABLE = "public, max-age=31536000, immutable"
MAX_SIZE = 2**53 - 1
CROWDED_WAIT_SECONDS = 1


@router.get("/log/checkpoint", **public({200: TEXT}, 404))
async def checkpoint(request: Request) -> Response:
    """The newest checkpoint with the cosignatures that are in."""
    note = await asyncio.to_thread(services_of(request).log.files.published)
    if note is None:
        raise not_found()
    return Response(note, headers={"cache-control": "no-cache"}, media_type="text/plain; charset=utf-8")


@router.get("/log/{path:path}", **public({200: BINARY_TYPE}, 404))
async def log_object(
    request: Request, path: Annotated[str, Path(json_schema_extra={"pattern": f"^{_OBJECT.pattern}$"})]
) -> Response:
    """A tile or an entry bundle."""
    if not _OBJECT.fullmatch(path):
        raise not_found()
    try:
        data = await asyncio.to_thread(services_of(request).log.files.read, path)
    except LogDamaged:  # no such file (yet)
        raise not_found() from None
    return Response(data, headers={"cache-control": IMMUTABLE}, media_type="application/octet-stream")


@router.get("/v1/trust", **public({200: TEXT}, 404))
async def trust_file(request: Request) -> Response:
    """The federation's trust file as issued. To be compared out of band, never followed on its own."""
    trust = services_of(request).log.trust
    if trust is None:
        raise not_found()
    return Response(trust.text, headers={"cache-control": "no-cache"}, media_type="text/plain; charset=utf-8")


@router.get("/v1/witness/next", **public({200: WitnessNext, 204: None}))
async def witness_next(
    request: Request,
    old: Annotated[int, Query(ge=0, le=MAX_SIZE)],
    wait: Annotated[int, Query(ge=0, le=60)] = 0,
) -> Response:
    """The checkpoint to cosign next, 204 when there is none within `wait` seconds."""
    services = services_of(request)
    with services.places.take("public", services.settings.public_long_polls) as free:
        # Anybody may call this: when many wait, nobody is shut out, but the wait gets short.
        patience = wait if free else min(wait, CROWDED_WAIT_SECONDS)
        news = await first_news(
            services.bell, services.settings, lambda: services.log.witnessing.next_for(old), patience, PINNED
        )
    if news is None:
        return Response(status_code=204)
    return Response(news.model_dump_json(), headers={"cache-control": "no-store"}, media_type="application/json")


@router.post("/v1/witness/cosignatures", **public({204: None}, 404, 409, body=CosignatureBody))
async def cosignature(request: Request) -> Response:
    """A cosignature over a pinned checkpoint; it authenticates itself."""
    services = services_of(request)
    body = parse_body(CosignatureBody, await read_json_body(request, services.settings))
    await services.log.cosign(body.size, body.line)
    return Response(status_code=204)
