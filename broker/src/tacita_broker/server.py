"""Serving the application: uvicorn, with our limits on connections and a quick, orderly end."""

import asyncio
import os
import signal
import socket
import ssl
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.config import Config

from tacita_broker.bell import Bell
from tacita_broker.config import Settings, is_loopback
from tacita_broker.connections import http_protocol
from tacita_broker.errors import BrokerError, ConfigurationRefused, UsageRefused
from tacita_broker.services import Running, Services

STOP_SECONDS = 1
"""How long requests may take to end once the broker is told to stop."""
KEEP_ALIVE_SECONDS = 65
BACKLOG = 512
"""Connections that may wait to be accepted."""


class Server(uvicorn.Server):
    """Ends within a second of a signal: requests that are held open are answered at once."""

    def __init__(self, config: Config, bell: Bell) -> None:
        super().__init__(config)
        self._bell = bell
        self._stopping: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Remember the loop, which a signal handler has to wake."""
        self._stopping = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM or SIGINT. uvicorn's own would raise the signal again before the services have stopped."""
        del frame
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        if self._stopping is not None:
            self._stopping.call_soon_threadsafe(self._bell.stop)


def check_binding(settings: Settings) -> None:
    """Raises `UsageRefused` for an address that others reach without TLS, and for files of it that cannot be read."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise UsageRefused("TLS needs both --tls-certificate and --tls-key")
    for file in (settings.tls_certificate, settings.tls_key):
        if file is not None and not os.access(file, os.R_OK):
            raise UsageRefused(f"{file} cannot be read: compare --tls-certificate and --tls-key")
    if is_loopback(settings.host) or settings.tls_certificate is not None or settings.behind_proxy:
        return
    raise UsageRefused(
        f"{settings.host} is reachable by others: give --tls-certificate and --tls-key, "
        "or --behind-proxy when a proxy in front ends TLS"
    )


def serve(app: FastAPI, services: Services) -> str | None:
    """Start the services and serve until a signal. A sentence when the broker stopped itself, None otherwise.

    Raises `BrokerError` when the broker must not start, and `PolicyRefused` for a policy that gives no decision.
    """
    settings = services.settings
    check_binding(settings)
    config = Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=http_protocol(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except ssl.SSLError as error:
        raise ConfigurationRefused("the TLS certificate and key are not PEM, or do not belong together") from error
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    with (
        _listening(settings) as listener,
        asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
    ):
        return runner.run(_serve(Server(config, services.bell), services, listener))


def _listening(settings: Settings) -> socket.socket:
    """Our own socket: uvicorn would end the process without a word that people understand."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        said, _, _ = str(error.strerror).partition(" (")  # without Python's words about the attempt
        raise ConfigurationRefused(
            f"cannot listen on {settings.host} port {settings.port}: {said}; choose another port"
        ) from error


async def _serve(server: Server, services: Services, listener: socket.socket) -> str | None:
    async with Running(services) as running:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        failing = asyncio.create_task(running.failed.wait())
        await asyncio.wait((serving, failing), return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        server.should_exit = True
        await serving
        if not running.failed.is_set():
            return None
        # Messages of our own errors are constant sentences; another's may quote anything.
        error = running.failure
        return str(error) if isinstance(error, BrokerError) else f"a part of it failed: {type(error).__name__}"
