"""Who this broker is, who takes part, and how to come in."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from tacita_broker.access.answers import json_answer
from tacita_broker.access.body import read_json_body
from tacita_broker.access.openapi import public, signed
from tacita_broker.access.signed import Signature, claimed_keyid, mark_verified, verify
from tacita_broker.problems import ProblemError
from tacita_broker.services import services_of
from tacita_broker.version import version
from tacita_protocol.api import BrokerInfo, EnrolRequest, PartnerList, PartnerView, parse_body
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.statements.vocabulary import PartnerId

router = APIRouter()


@router.get("/v1/broker", **public({200: BrokerInfo}))
async def broker(request: Request) -> Response:
    """Public facts about this broker."""
    settings = services_of(request).settings
    info = BrokerInfo(
        broker=settings.broker,
        name=settings.name,
        signing_key=settings.signing_key,
        log_vkey=settings.log_vkey,
        origin=settings.origin,
        version=version(),
    )
    return json_answer(info)


@router.post("/v1/enrolments", **signed({201: None}, 409, body=EnrolRequest))
async def enrol(request: Request) -> Response:
    """Present a self-signed card with an invitation; the request is signed by the card's key."""
    services = services_of(request)
    raw = await read_json_body(request, services.settings)
    body = parse_body(EnrolRequest, raw)
    card = services.enrolment.presented_card(body.card)
    if claimed_keyid(request) != card.body.partner:
        raise ProblemError(401, "signature", "The request is not signed by a partner's key.")
    verified = verify(request, raw, key=VerifyKey.from_text(card.body.signing_key), now=services.clock())
    await services.enrolment.enrol(body.invitation, card, verified)
    mark_verified(request, raw)
    return Response(status_code=201, headers={"cache-control": "no-store"})


@router.get("/v1/partners", **signed({200: PartnerList}))
async def partners(request: Request, _call: Signature) -> Response:
    """All approved partners with their cards and log entries."""
    return json_answer(await services_of(request).partners.all())


@router.get("/v1/partners/{partner}", **signed({200: PartnerView}, 404))
async def partner(request: Request, partner: Annotated[PartnerId, Path()], _call: Signature) -> Response:
    """One approved partner."""
    return json_answer(await services_of(request).partners.view(partner))
