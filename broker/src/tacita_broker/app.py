"""The broker as an ASGI application."""

from fastapi import FastAPI, Request, Response

from tacita_broker.access import bearer, openapi
from tacita_broker.access.answers import json_answer
from tacita_broker.access.gate import Gate
from tacita_broker.agreements import routes as agreements
from tacita_broker.catalogue import routes as catalogue
from tacita_broker.inbox import routes as inbox
from tacita_broker.lifecycle import routes as lifecycle
from tacita_broker.log import routes as log
from tacita_broker.matches import routes as matches
from tacita_broker.partners import routes as partners
from tacita_broker.problems import ProblemError, disk_full, install_problem_handlers
from tacita_broker.relay import routes as relay
from tacita_broker.services import Services, services_of
from tacita_broker.version import version
from tacita_protocol.api import Health


def create_app(services: Services) -> FastAPI:
    """The application over services that somebody else starts and stops (`services.Running`)."""
    app = FastAPI(title="Tacita broker", version=version(), openapi_url=None, redirect_slashes=False)
    app.state.services = services
    install_problem_handlers(app)
    app.add_middleware(
        Gate, settings=services.settings, key=services.keys.signing, clock=services.clock, rates=services.rates
    )
    for feature in (partners, catalogue, agreements, lifecycle, relay, matches, inbox, bearer, log):
        app.include_router(feature.router)

    openapi.install(app)

    @app.get("/healthz", **openapi.public({200: Health}))
    async def healthz(request: Request) -> Response:
        """Whether requests are served and the log grows."""
        if services_of(request).bell.stopping:
            raise ProblemError(503, "stopping", "The broker is stopping.")
        if services_of(request).log.interrupted:
            raise disk_full()
        return json_answer(Health(status="ok"))

    return app
