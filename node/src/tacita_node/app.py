"""The node's local API as an ASGI application, and the server that runs it."""

import asyncio
import socket
import time
from collections.abc import Mapping
from types import FrameType

import uvicorn
from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp

from tacita_node import problems
from tacita_node.access import openapi
from tacita_node.access.gate import Gate
from tacita_node.access.roles import Route
from tacita_node.agreements.routes import router as agreements_router
from tacita_node.background import Background, background
from tacita_node.connections import http_protocol
from tacita_node.data.import_routes import router as imports_router
from tacita_node.data.routes import router as data_router
from tacita_node.doctor.routes import router as doctor_router
from tacita_node.lifecycle.routes import router as lifecycle_router
from tacita_node.matching.routes import router as matching_router
from tacita_node.provenance.routes import router as provenance_router
from tacita_node.services import NodeServices, services_of
from tacita_node.trust import TrustRefused
from tacita_node.version import version
from tacita_protocol.api import Health
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted
from tacita_sdk.node_api import NodeStatus

GRACE_SECONDS = 1
"""How long open requests may go on once the node is told to stop."""

KEEP_ALIVE_SECONDS = 5


def create_app(services: NodeServices) -> ASGIApp:
    """The application for opened services: the gate, and behind it the routes."""
    app = FastAPI(title="Tacita node", version=version(), openapi_url=None, redirect_slashes=False)
    app.state.services = services
    problems.install(app)
    app.add_api_route("/healthz", _healthz, methods=["GET"])
    openapi.install(app)
    app.add_api_route("/v1/node", _status, methods=["GET"])
    app.include_router(data_router)
    app.include_router(imports_router)
    app.include_router(agreements_router)
    app.include_router(lifecycle_router)
    app.include_router(matching_router)
    app.include_router(provenance_router)
    app.include_router(doctor_router)
    settings = services.settings
    return Gate(
        app,
        routes=routes_of(app),
        holder=services.tokens.holder,
        allowed_hosts=settings.allowed_hosts,
        limits=settings.limits,
        clock=time.monotonic,
    )


def routes_of(app: FastAPI) -> tuple[Route, ...]:
    """Every route of an application, in the order in which they are tried."""
    return tuple(
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        for method in sorted(context.methods or ())
        if context.path is not None
    )


async def _healthz() -> Health:
    """Whether the node answers at all."""
    return Health(status="ok")


async def _status(request: Request) -> NodeStatus:
    """Who this node is and what it still needs before it can match."""
    services = services_of(request)
    identity = services.identity
    return NodeStatus(
        partner=identity.partner,
        name=identity.card.body.name,
        kind=identity.card.body.kind.value,
        fingerprint=identity.fingerprint,
        broker=identity.broker.broker,
        broker_url=identity.broker.url,
        approved=await _approved(services),
        trust=_trusts(services),
        witness_vkey=identity.witness.vkey,
        version=version(),
    )


def _trusts(services: NodeServices) -> bool:
    try:
        return services.trust is not None
    except TrustRefused:
        return False


async def _approved(services: NodeServices) -> bool:
    """Whether the broker lists this node's card. False as well while the broker does not answer."""
    try:
        listed = await services.broker.partners()
    except (BrokerProblem, BrokerUnreachable, ResponseUntrusted):
        return False
    own = services.identity.card.envelope
    return any(view.card == own for view in listed.partners)


class _Server(uvicorn.Server):
    """uvicorn, with a stop event that is set by the signal itself, and that leaves ending the process to us.

    uvicorn raises the signal once more when it is done, which would end the process before the services are closed.
    """

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self.signalled = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the node in order; a second one does not wait for open requests."""
        del sig, frame
        self.force_exit = self.signalled
        self.signalled = self.should_exit = True
        self._loop.call_soon_threadsafe(self._stop.set)


async def serve(services: NodeServices, listener: socket.socket, tasks: Mapping[str, Background]) -> bool:
    """Serves the local API on a bound socket. True when a signal ended it, False when a background task failed."""
    config = uvicorn.Config(
        create_app(services),
        http=http_protocol(services.settings.limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, services.stop)

    async def stop_with_tasks(given: NodeServices, stop: asyncio.Event) -> None:
        del given
        await stop.wait()
        server.should_exit = True

    async with background(services, {**tasks, "stop": stop_with_tasks}):
        await server.serve(sockets=[listener])
    return server.signalled
