"""The `tacita-node` command in processes of its own, against a simulated broker on a socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import uvicorn
from typer.testing import CliRunner, Result

from tacita_node.cli import app
from tacita_node.clock import system_clock
from tacita_node.config import NodeDirectory, Settings
from tacita_node.version import version
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner
from tacita_protocol.tlog.trust import federation_policy
from tests.support.broker_simulator import BrokerSimulator
from tests.support.tls_proxy import Authority

NODE = [sys.executable, "-c", "from tacita_node.cli import main; main()"]
PASSPHRASE = "correct horse battery staple"
STOP_SECONDS = 15.0
"""A stop takes 0.3 s; a busy machine gets more, but less than the 25 s for which the broker holds polls open."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = free_port()
URL = f"http://127.0.0.1:{PORT}"


@dataclass
class ServedBroker:
    simulator: BrokerSimulator
    url: str


@pytest.fixture(scope="module")
def broker() -> Iterator[ServedBroker]:
    simulator = BrokerSimulator(system_clock)
    config = uvicorn.Config(simulator.app(), port=0, log_config=None, lifespan="off")
    listener = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield ServedBroker(simulator, f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = server.force_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def passphrase(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    return file


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NODE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=60,
    )


def in_process(*arguments: str | Path, **environment: str) -> Result:
    """A command that only says something: without a process of its own, whose start takes most of the time."""
    return CliRunner(env=environment).invoke(app, list(map(str, arguments)))


def init(directory: Path, served: ServedBroker, passphrase: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    return command(*init_arguments(directory, served, passphrase, **changed))


def init_arguments(directory: Path, served: ServedBroker, passphrase: Path, **changed: str) -> tuple[str | Path, ...]:
    options = {
        "broker": served.url,
        "invite": served.simulator.invitation(),
        "name": "North Bank",
        "kind": "bank",
        "jurisdiction": "GB",
        "port": str(PORT),
        "passphrase-file": str(passphrase),
        **changed,
    }
    return "init", directory, "--json", *(part for key, value in options.items() for part in (f"--{key}", value))


def test_init_run_token_and_stop(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    node = tmp_path / "node"
    made = init(node, broker, passphrase)
    assert made.returncode == 0, made.stderr
    facts = json.loads(made.stdout)
    assert set(facts) == {"partner", "fingerprint", "witness_vkey"}
    assert facts["partner"] == "north-bank"
    assert broker.simulator.cards["north-bank"].encode() == (node / "card.json").read_bytes().strip()
    modes = {path.name: path.stat().st_mode & 0o077 for path in [node, *node.rglob("*")]}
    assert not any(modes.values()), modes
    token = json.loads(in_process("token", node, "--role", "analyst", "--json").stdout)["token"]
    other = json.loads(in_process("token", node, "--role", "auditor", "--json").stdout)
    log = (tmp_path / "log").open("w+")
    running = subprocess.Popen(
        [*NODE, "run", node, "--passphrase-file", passphrase],
        stderr=log,
        env={**os.environ, "TACITA_NODE_LIMITS__HEADER_SECONDS": "1"},
    )
    try:
        with httpx2.Client(base_url=URL, headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
            wait_until_healthy(client, running)
            status = client.get("/v1/node").json()
            assert (status["fingerprint"], status["approved"], status["trust"]) == (facts["fingerprint"], True, False)
            theirs = {"authorization": f"Bearer {other['token']}"}
            assert client.get("/v1/datasets", headers=theirs).status_code == 200
            assert in_process("revoke-token", node, other["id"]).exit_code == 0
            assert client.get("/v1/datasets", headers=theirs).status_code == 401
            second = in_process("run", node, "--passphrase-file", passphrase)
            assert (second.exit_code, "another process" in second.stderr) == (1, True)
            assert_slow_headers_are_given_up()
            install_trust(node, broker)
            assert client.get("/v1/node").json()["trust"] is True
            wait_for_polls(broker)
            began = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert running.wait(60) == 0
            assert time.monotonic() - began < STOP_SECONDS
    finally:
        running.kill()
        running.wait()
        log.seek(0)
        lines = log.read().splitlines()
        log.close()
    assert [json.loads(line)["level"] for line in lines if "critical" in line] == []
    assert token not in "".join(lines)


def wait_until_healthy(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the node did not come up")


def wait_for_polls(broker: ServedBroker) -> None:
    """Until inbox and witness wait at the broker."""
    for _ in range(600):
        if broker.simulator.waiting == 2:
            return
        time.sleep(0.1)
    raise AssertionError("the node does not wait for news")


def assert_slow_headers_are_given_up() -> None:
    for sent in (b"", b"GET /healthz HTTP/1.1\r\nhost"):
        with socket.create_connection(("127.0.0.1", PORT), timeout=60) as connection:
            connection.sendall(sent)
            assert b"HTTP/1.1 408 " in connection.recv(65_536)


def install_trust(node: Path, broker: ServedBroker) -> None:
    witness = CosignatureSigner("witness-one", SigningKey.generate()).verifier
    log = broker.simulator.log.signer.verifier
    file = node.parent / "trust.policy"
    file.write_text(federation_policy(log, {"witness-one": witness}, threshold=1).text)
    installed = in_process("trust", node, file, "--json")
    assert installed.exit_code == 0, installed.stderr
    assert json.loads(installed.stdout)["witnesses"] == ["witness-one"]
    foreign = federation_policy(
        NoteSigner("tacita.test/log", SigningKey.generate()).verifier, {"witness-one": witness}, threshold=1
    )
    file.write_text(foreign.text)
    refused = in_process("trust", node, file)
    assert (refused.exit_code, "log key" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("code", "changed", "said"),
    [
        (2, {"invite": "nonsense"}, "not an invitation code"),
        (2, {"invite": "A" * 32 + "." + "A" * 43}, "not an invitation code"),
        (1, {"invite": "A" * 32 + "." + SigningKey.from_seed(b"7" * 32).verify_key.text}, "not the broker"),
        (2, {"kind": "casino"}, "--kind is one of"),
        (2, {"jurisdiction": "Britain"}, "'BRITAIN' is no country code of two letters by ISO 3166-1, as GB"),
        (2, {"jurisdiction": "uk"}, "'UK' is no country code of two letters by ISO 3166-1: GB is meant."),
        (2, {"name": "\u202ebank"}, "not acceptable: --name"),
        (3, {"broker": "http://127.0.0.1:1"}, "no broker answers at http://127.0.0.1:1: compare the address"),
        (2, {"broker": "ftp://x"}, "http"),
        (2, {"broker": "http://broker.example"}, "reached by https"),
        (2, {"passphrase-file": "/nonexistent"}, "cannot read"),
        (2, {"broker-ca": "/nonexistent"}, "/nonexistent"),
    ],
)
def test_init_says_what_is_wrong(
    tmp_path: Path, broker: ServedBroker, passphrase: Path, code: int, changed: dict[str, str], said: str
) -> None:
    made = in_process(*init_arguments(tmp_path / "node", broker, passphrase, **changed))
    assert made.exit_code == code
    assert isinstance(made.exception, SystemExit)
    assert said in " ".join(made.stderr.split())
    assert not (tmp_path / "node" / "broker.json").exists()


def test_init_goes_on_with_the_same_keys(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    node = tmp_path / "node"
    enrolled = len(broker.simulator.enrolled)
    assert in_process(*init_arguments(node, broker, passphrase, broker="http://127.0.0.1:1")).exit_code == 3
    card = (node / "card.json").read_bytes()
    other = in_process(*init_arguments(node, broker, passphrase, name="South Bank"))
    assert (other.exit_code, "other particulars" in other.stderr) == (1, True)
    assert in_process(*init_arguments(node, broker, passphrase)).exit_code == 0
    assert (node / "card.json").read_bytes() == card
    again = in_process(*init_arguments(node, broker, passphrase))
    assert (again.exit_code, "already" in again.stderr) == (1, True)
    assert len(broker.simulator.enrolled) == enrolled + 1


def test_an_authority_may_lie_anywhere(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    node, authority = tmp_path / "node", tmp_path / 'o\'brien "ca"\n\\ é😀.pem'
    certificate = Authority.new("private").write(authority)
    made = in_process(*init_arguments(node, broker, passphrase, **{"broker-ca": str(certificate)}))
    assert made.exit_code == 0, made.stderr
    assert Settings.load(NodeDirectory(node)).broker_ca == authority


@pytest.mark.parametrize("text", [b'port = "8441', b"port = 8441\xff", b"= 1"])
def test_settings_that_are_not_toml_are_a_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(text)
    refused = in_process("tokens", tmp_path)
    assert isinstance(refused.exception, SystemExit)
    assert (refused.exit_code, "config.toml is not TOML" in refused.stderr) == (1, True)
    assert len(refused.stderr.splitlines()) == 1


def test_run_says_what_is_wrong(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    node = tmp_path / "node"
    empty = in_process("run", node, "--passphrase-file", passphrase)
    assert (empty.exit_code, "run `tacita-node init` first" in empty.stderr) == (1, True)
    assert in_process(*init_arguments(node, broker, passphrase)).exit_code == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase")
    refused = in_process("run", node, "--passphrase-file", wrong)
    assert (refused.exit_code, "wrong passphrase" in refused.stderr) == (1, True)
    far = in_process("run", node, "--passphrase-file", passphrase, TACITA_NODE_HOST="0.0.0.0")
    assert (far.exit_code, "allowed_hosts" in far.stderr) == (1, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        busy = in_process("run", node, "--passphrase-file", passphrase, TACITA_NODE_PORT=port)
        assert (busy.exit_code, "cannot listen" in busy.stderr) == (1, True)
    role = in_process("token", node, "--role", "king")
    assert (role.exit_code, "--role is one of: analyst, approver, admin, auditor" in role.stderr) == (2, True)
    assert all(isinstance(one.exception, SystemExit) for one in (empty, refused, far, busy, role))


def test_a_place_where_no_directory_can_be_is_named(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    (tmp_path / "file").touch()
    refused = in_process(*init_arguments(tmp_path / "file", broker, passphrase))
    assert (refused.exit_code, f"{tmp_path / 'file'} cannot be used for a node: " in refused.stderr) == (1, True)


def test_it_says_its_version() -> None:
    shown = in_process("--version")
    assert (shown.exit_code, shown.stdout) == (0, f"tacita-node {version()}\n")


@pytest.mark.parametrize("name", ["init", "run", "token", "tokens", "revoke-token", "rotate", "doctor", "trust"])
def test_help_shows_an_example(name: str) -> None:
    shown = in_process(name, "--help")
    assert shown.exit_code == 0
    assert f"Example: tacita-node {name}" in shown.stdout
