"""The inbox by long poll."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.bearer import bearer
from tacita_broker.access.openapi import bearing
from tacita_broker.problems import too_many
from tacita_broker.services import services_of
from tacita_protocol.api import Inbox, TokenScope

router = APIRouter()

MAX_SEQ = 2**53 - 1


@router.get("/v1/inbox", **bearing({200: Inbox}))
async def inbox(
    request: Request,
    after: Annotated[int, Query(ge=0, le=MAX_SEQ)] = 0,
    wait: Annotated[int, Query(ge=0, le=60)] = 0,
) -> Response:
    """Events after number `after`, or an empty list after `wait` seconds."""
    services = services_of(request)
    holder = bearer(request, TokenScope.INBOX)
    with services.places.take(holder.partner, services.settings.long_polls_per_partner) as free:
        if not free:
            raise too_many("too-many-waiting", "Too many requests of this partner wait at once.")
        news = await services.inbox.read(holder, after, wait)
    return json_answer(news)
