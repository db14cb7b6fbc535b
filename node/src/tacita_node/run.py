"""Running an initialised node in this process, until it is told to stop."""

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tacita_node.app import serve
from tacita_node.broker_link.inbox import run_inbox
from tacita_node.broker_link.witness import run_witness
from tacita_node.clock import system_clock
from tacita_node.config import NodeDirectory, Settings
from tacita_node.identity import Identity
from tacita_node.lifecycle.delivery import run_delivery
from tacita_node.matching.jobs import run_jobs
from tacita_node.services import open_services

TASKS = {"inbox": run_inbox, "witness": run_witness, "jobs": run_jobs, "delivery": run_delivery}


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


async def run_node(directory: NodeDirectory, settings: Settings, identity: Identity, listener: socket.socket) -> bool:
    """Runs the node. True when a signal ended it, False when it stopped itself because a background task failed."""
    async with open_services(directory, settings, identity, clock=system_clock) as services:
        return await serve(services, listener, TASKS)
