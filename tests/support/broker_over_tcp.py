"""The broker of an in-process federation on a real port, and lines that lead there instead of into the process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import uvicorn

from tacita_broker.app import create_app
from tacita_broker.connections import http_protocol
from tacita_broker.services import Services
from tests.support.match_federation import Interceptor, MatchFederation, Send


@asynccontextmanager
async def on_a_port(broker: Services) -> AsyncIterator[int]:
    """Serves the broker on a loopback port during the block. At its end nobody waits for news any more."""
    config = uvicorn.Config(
        create_app(broker),
        http=http_protocol(broker.settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield int(listener.getsockname()[1])
        finally:
            broker.bell.stop()
            server.should_exit = True
            await serving


@asynccontextmanager
async def lines_to(port: int, federation: MatchFederation) -> AsyncIterator[None]:
    """During the block, both nodes and the witnesses reach the broker on this port."""
    async with httpx2.AsyncHTTPTransport() as network:

        async def over_the_network(request: httpx2.Request, _send: Send) -> httpx2.Response:
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=port)  # the Host header stays
            return await network.handle_async_request(request)

        lines: tuple[Interceptor, ...] = (federation.bank.line, federation.ngo.line, federation.witnesses)
        for line in lines:
            line.on = over_the_network
        try:
            yield
        finally:
            for line in lines:
                line.on = None
