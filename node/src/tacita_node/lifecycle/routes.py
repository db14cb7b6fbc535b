"""The local API of taking something back. What is answered holds here already; the broker may hear of it later.

Running matches that stood on it have ended when the answer comes.
"""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Request

from tacita_node.access.openapi import BROKER, problems
from tacita_node.agreements.routes import agreement_summary
from tacita_node.services import NodeServices, services_of
from tacita_sdk.errors import SdkError
from tacita_sdk.node_api import AgreementRevoked, Distrusted, HexId, Slug, Withdrawn

BROKER_SECONDS = 5
"""How long an answer waits for the broker."""

router = APIRouter(prefix="/v1", tags=["lifecycle"])


@router.post("/datasets/{name}/withdraw", responses=problems(404, *BROKER))
async def withdraw(request: Request, name: Annotated[Slug, Path()]) -> Withdrawn:
    """Withdraws a dataset: this node answers nothing about it any more, and the broker takes it out of the catalogue.

    Publishing it again makes a new epoch.
    """
    services = services_of(request)
    digest = await services.revocations.withdraw(name)
    await services.recheck_matches()
    return Withdrawn(dataset=name, delivered=await _delivered(services, digest))


@router.post("/agreements/{agreement}/revoke", responses=problems(404, *BROKER))
async def revoke(request: Request, agreement: Annotated[HexId, Path()]) -> AgreementRevoked:
    """Revokes an agreement for good: from now on it covers nothing here, and the other party is told."""
    services = services_of(request)
    known, digest = await services.revocations.revoke_agreement(agreement)
    await services.recheck_matches()
    delivered = digest is None or await _delivered(services, digest)
    return AgreementRevoked(agreement=agreement_summary(known, services.identity.partner), delivered=delivered)


@router.post("/partners/{partner}/distrust", responses=problems(404, *BROKER))
async def distrust(request: Request, partner: Annotated[Slug, Path()]) -> Distrusted:
    """Takes the confirmation of a partner's card back, at this node only: it is neither asked nor answered any more."""
    services = services_of(request)
    await services.agreements.partners.distrust(partner)
    await services.recheck_matches()
    return Distrusted(partner=partner)


async def _delivered(services: NodeServices, digest: str) -> bool:
    """Whether the broker has it; otherwise the node goes on trying."""
    with suppress(SdkError, TimeoutError):
        async with asyncio.timeout(BROKER_SECONDS):
            await services.delivery.run()
    return not await services.revocations.waits(digest)
