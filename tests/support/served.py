"""A broker and a node as processes of their own, on loopback ports, for tests of what goes over a socket.

Both are made in this process, which is quicker than by their commands; only `run` is one.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tacita_broker.directory import BrokerDirectory, NewBroker, migrate
from tacita_node.access.roles import Role
from tacita_node.access.tokens import Tokens
from tacita_node.clock import system_clock
from tacita_node.config import NodeDirectory
from tacita_node.storage import Database
from tacita_node.storage import migrate as migrate_node
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import PASSPHRASE, enrolled

START_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A running program: its port, its process, a door that takes JSON, and the header that opens it."""

    port: int
    process: int
    door: str
    authorization: str | None

    def head(self, *fields: str, method: str = "POST", door: str | None = None) -> bytes:
        """The head of a request to its door, up to where the body begins; `fields` replace and add."""
        names = {field.partition(":")[0].lower() for field in fields}
        usual = (f"host: 127.0.0.1:{self.port}", "content-type: application/json", self.authorization)
        lines = [line for line in usual if line is not None and line.partition(":")[0] not in names]
        return "\r\n".join([f"{method} {door or self.door} HTTP/1.1", *lines, *fields, "", ""]).encode("latin-1")


@contextmanager
def served_broker(root: Path, environment: Mapping[str, str]) -> Iterator[Served]:
    """A broker without partners."""
    port = _free_port()

    async def make() -> None:
        directory = BrokerDirectory(root / "broker")
        await directory.create(NewBroker("test-broker", "Test broker", "127.0.0.1", port, (), None), PASSPHRASE)
        await migrate(directory.settings().database)

    asyncio.run(make())
    command = ("tacita_broker.cli", "broker")
    with _running(root, command, port, environment) as process:
        yield Served(port, process, "/v1/enrolments", None)


@contextmanager
def served_node(root: Path, environment: Mapping[str, str]) -> Iterator[Served]:
    """A node whose broker does not answer, which is nothing to its local API."""
    port = _free_port()
    directory = NodeDirectory(root / "node")

    async def make() -> str:
        await enrolled(directory.root, BrokerSimulator(system_clock), clock=system_clock)
        migrate_node(directory.database)
        database = Database(directory.database)
        try:
            return (await Tokens(database, clock=system_clock, limit=10).issue(*Role)).secret
        finally:
            await database.close()

    token = asyncio.run(make())
    with _running(root, ("tacita_node.cli", "node"), port, {**environment, "TACITA_NODE_PORT": str(port)}) as process:
        yield Served(port, process, "/v1/agreements", f"authorization: Bearer {token}")


@contextmanager
def _running(root: Path, command: tuple[str, str], port: int, environment: Mapping[str, str]) -> Iterator[int]:
    module, directory = command
    (root / "passphrase").write_bytes(PASSPHRASE)
    with (root / f"{directory}.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", f"from {module} import main; main()", "run", str(root / directory)),
                *("--passphrase-file", str(root / "passphrase")),
            ],
            stderr=log,
            env={**os.environ, **environment},
        )
        try:
            _wait_until_healthy(process, port)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, "it ended at once"
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200:
                return
        except httpx2.TransportError:
            assert time.monotonic() < give_up, "it did not start"
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
