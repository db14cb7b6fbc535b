"""Broker and node on PostgreSQL as service managers meet them: real processes, real sockets, a real server."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from tacita_broker.cli import app as broker_app
from tacita_broker.directory import BrokerDirectory, NewBroker, migrate
from tacita_node.cli import app as node_app
from tacita_node.clock import system_clock
from tacita_node.storage import migrate as migrate_node
from tacita_node.storage import place_of
from tests.support.broker_simulator import BrokerSimulator
from tests.support.postgresql import PostgresServer, rows
from tests.support.single_node import PASSPHRASE, enrolled

START_SECONDS = 60.0
SECRET = "hunter2-and-more"


def broker(*arguments: str) -> list[str]:
    """A command of the broker."""
    return [sys.executable, "-m", "tacita_broker.cli", *arguments]


def node(*arguments: str) -> list[str]:
    """A command of the node."""
    return [sys.executable, "-c", "from tacita_node.cli import main; main()", *arguments]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_ready(process: subprocess.Popen[str], port: int) -> None:
    """Wait until `/healthz` answers."""
    give_up = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, process.communicate()[1]
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200:
                return
        except httpx2.TransportError:
            assert time.monotonic() < give_up, "it did not get ready"
            time.sleep(0.05)


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start a command."""
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and what it said at its end."""
    try:
        _, said = process.communicate(timeout=START_SECONDS)
    finally:
        process.kill()
    return process.returncode, said


def end_leases(url: str) -> None:
    """Break the connections that hold a lock of this database for good, as a failing network does."""
    assert rows(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE locktype = 'advisory' AND datname = current_database()",
    ) == [(True,)]


def test_of_two_brokers_on_one_database_one_stops(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("broker", lambda made: asyncio.run(migrate(made)))
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    unlocked = ("--passphrase-file", str(tmp_path / "pass"))
    home, port = tmp_path / "broker", free_port()
    asyncio.run(BrokerDirectory(home).create(NewBroker("hub", "Hub", "127.0.0.1", port, (), url), PASSPHRASE))
    first = start(broker("run", str(home), *unlocked))
    try:
        until_ready(first, port)
        # What others on this machine see of it says where the database is, and no password.
        shown = Path(f"/proc/{first.pid}/cmdline").read_text() + (home / "config.toml").read_text()
        assert postgresql.password not in shown
        shutil.copytree(home, tmp_path / "copy")
        code, said = ended(start(broker("run", str(tmp_path / "copy"), "--port", str(free_port()), *unlocked)))
        assert (code, "another broker is running on this database" in said) == (1, True)
        assert httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
        # A broker that lost its lease cannot know whether another one has it by now.
        end_leases(url)
        code, said = ended(first)
    finally:
        first.kill()
    assert code == 70
    assert "stopped itself: the database has ended the connection that held the log's lease" in said
    assert postgresql.password not in said


def test_two_copies_of_a_node_do_not_run_at_once(postgresql: PostgresServer, tmp_path: Path) -> None:
    url = postgresql.copy_of("node", lambda made: migrate_node(place_of(made, tmp_path)))
    home, port = tmp_path / "node", free_port()
    asyncio.run(enrolled(home, BrokerSimulator(system_clock), clock=system_clock))
    (home / "config.toml").write_text(f'port = {port}\nworkers = 1\ndatabase = "{url}"\n')
    shutil.copytree(home, tmp_path / "copy")
    (tmp_path / "copy" / "config.toml").write_text(f'port = {free_port()}\nworkers = 1\ndatabase = "{url}"\n')
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    unlocked = ("--passphrase-file", str(tmp_path / "pass"))
    first = start(node("run", str(home), *unlocked))
    try:
        until_ready(first, port)
        assert not (home / "node.db").exists()
        code, said = ended(start(node("run", str(tmp_path / "copy"), *unlocked)))
        assert (code, said) == (1, "tacita-node: another process runs this node already\n")
        end_leases(url)
        code, said = ended(first)
    finally:
        first.kill()
    assert code == 70
    events = [(line["event"], line.get("task")) for line in map(json.loads, said.splitlines())]
    assert ("task-failed", "lease") in events
    assert postgresql.password not in said


BROKER = ["init", "DIR", "--name", "Hub"]
NODE = [
    "init",
    "DIR",
    "--broker",
    "https://b",
    "--invite",
    "x",
    "--name",
    "n",
    "--kind",
    "bank",
    "--jurisdiction",
    "GB",
]


@pytest.mark.parametrize(("app", "command"), [(broker_app, BROKER), (node_app, NODE)])
def test_a_password_in_the_address_is_refused_and_not_repeated(
    app: typer.Typer, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "pass").write_bytes(PASSPHRASE)
    given = [str(tmp_path / "new") if word == "DIR" else word for word in command]
    options = ["--passphrase-file", str(tmp_path / "pass"), "--database", f"postgresql://me:{SECRET}@127.0.0.1/db"]
    result = CliRunner().invoke(app, [*given, *options])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "put it into a password file" in result.stderr
    assert SECRET not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()
