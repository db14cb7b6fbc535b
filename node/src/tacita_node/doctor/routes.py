"""The local API of the node's examination of itself."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from tacita_node.doctor.federation import examine_federation
from tacita_node.doctor.machine import examine_machine
from tacita_node.services import NodeServices, services_of
from tacita_node.version import version
from tacita_sdk.node_api import DoctorReport, Finding

LAST_DAYS = 7
"""A token that is good for less is worth a warning."""

router = APIRouter(prefix="/v1", tags=["node"])


@router.get("/doctor")
async def doctor(request: Request) -> DoctorReport:
    """What is missing or blocked, from this token to the witnesses, and what to do about each."""
    services = services_of(request)
    async with services.examining:  # it computes and asks the broker: one after the other
        return DoctorReport(
            version=version(),
            findings=(
                await _token(services, request.state.holder.token),
                *await examine_federation(services),
                *await examine_machine(services),
            ),
        )


async def _token(services: NodeServices, token: str) -> Finding:
    known = next((one for one in await services.tokens.listed() if one.id == token), None)
    if known is None:
        found = "This token was revoked just now."
        return Finding(check="token", status="failed", found=found, fix="Issue one with `tacita-node token DIR`.")
    end = datetime.fromtimestamp(known.expires, UTC).strftime("%Y-%m-%d")
    found = f"This token is for {', '.join(known.roles)}, good until {end}."
    if known.expires - services.clock() < LAST_DAYS * 24 * 3600:
        return Finding(
            check="token", status="warning", found=found, fix="Issue a new one with `tacita-node token DIR`."
        )
    return Finding(check="token", status="ok", found=found)
