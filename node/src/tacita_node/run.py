"""Running an initialised node in this process, until it is told to stop."""

import asyncio
import fcntl
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from sqlalchemy.engine import URL

from tacita_node.access.tokens import run_tokens
from tacita_node.allocator import return_large_blocks
from tacita_node.app import serve
from tacita_node.background import Background
from tacita_node.broker_link.inbox import run_inbox
from tacita_node.broker_link.witness import run_witness
from tacita_node.clock import system_clock
from tacita_node.config import NodeDirectory, Settings
from tacita_node.data.import_jobs import run_imports
from tacita_node.identity import Identity
from tacita_node.lifecycle.delivery import run_delivery
from tacita_node.matching.jobs import run_jobs
from tacita_node.postgresql import LEASE_SECONDS, AdvisoryLease
from tacita_node.services import NodeServices, open_services
from tacita_node.storage import place_of

TASKS = {
    "inbox": run_inbox,
    "witness": run_witness,
    "jobs": run_jobs,
    "delivery": run_delivery,
    "imports": run_imports,
    "tokens": run_tokens,
}


class CannotRun(Exception):
    """The node cannot start here; the message says why."""


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket bound to the configured address. Raises `CannotRun`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise CannotRun(
                f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; choose another port"
            ) from error
        yield listener


@contextmanager
def only_one(directory: NodeDirectory) -> Iterator[None]:
    """Holds the directory's lock: two processes on one node would run its matches twice. Raises `CannotRun`."""
    with directory.lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun("another process runs this node already") from None
        yield


async def run_node(
    directory: NodeDirectory,
    settings: Settings,
    identity: Identity,
    listener: socket.socket,
    passphrase_file: Path | None = None,
) -> bool:
    """Runs the node. True when a signal ended it, False when it stopped itself because a background task failed.

    `passphrase_file` is where the passphrase came from: a node that examines itself says so when others may read it.
    Raises `DatabaseRefused` or `RunsElsewhere` when it cannot start.
    """
    return_large_blocks()
    place = place_of(settings.database, directory.database)
    async with AsyncExitStack() as stack:
        tasks: dict[str, Background] = {**TASKS}
        if isinstance(place, URL):  # the directory's lock does not hold off a copy of the directory
            lease = AdvisoryLease(place)
            stack.push_async_callback(lease.release)
            await lease.take()
            tasks["lease"] = partial(_keep, lease)
        services = await stack.enter_async_context(open_services(directory, settings, identity, clock=system_clock))
        services.passphrase_file = passphrase_file
        return await serve(services, listener, tasks)


async def _keep(lease: AdvisoryLease, services: NodeServices, stop: asyncio.Event) -> None:
    """Look at the lease until the node stops: without it, it does nothing more. Raises `RunsElsewhere`."""
    del services
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LEASE_SECONDS)
        await lease.check()
