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

from tacita_node.clock import system_clock
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner
from tacita_protocol.tlog.trust import federation_policy
from tests.support.broker_simulator import BrokerSimulator

NODE = [sys.executable, "-c", "from tacita_node.cli import main; main()"]
PASSPHRASE = "correct horse battery staple"


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


def init(directory: Path, served: ServedBroker, passphrase: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    options = {
        "broker": served.url,
        "invite": served.simulator.invitation(),
        "name": "North Bank",
        "kind": "bank",
        "jurisdiction": "GB",
        "port": "19876",
        "passphrase-file": str(passphrase),
        **changed,
    }
    return command(
        "init", directory, "--json", *(part for key, value in options.items() for part in (f"--{key}", value))
    )


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
    token = json.loads(command("token", node, "--role", "analyst", "--json").stdout)["token"]
    log = (tmp_path / "log").open("w+")
    running = subprocess.Popen([*NODE, "run", node, "--passphrase-file", passphrase], stderr=log)
    try:
        with httpx2.Client(base_url="http://127.0.0.1:19876", headers={"authorization": f"Bearer {token}"}) as client:
            wait_until_healthy(client, running)
            status = client.get("/v1/node").json()
            assert (status["fingerprint"], status["approved"], status["trust"]) == (facts["fingerprint"], True, False)
            second = command("run", node, "--passphrase-file", passphrase)
            assert (second.returncode, "another process" in second.stderr) == (1, True)
            install_trust(node, broker)
            assert client.get("/v1/node").json()["trust"] is True
            time.sleep(0.5)  # inbox and witness are now waiting at the broker
            began = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
            assert time.monotonic() - began < 2  # 0.3 s on an idle machine
    finally:
        running.kill()
        running.wait()
        log.seek(0)
        lines = log.read().splitlines()
        log.close()
    assert [json.loads(line)["level"] for line in lines if "critical" in line] == []
    assert token not in "".join(lines)


def wait_until_healthy(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the node did not come up")


def install_trust(node: Path, broker: ServedBroker) -> None:
    witness = CosignatureSigner("witness-one", SigningKey.generate()).verifier
    log = NoteSigner("tacita.test/log", broker.simulator.log).verifier
    file = node.parent / "trust.policy"
    file.write_text(federation_policy(log, {"witness-one": witness}, threshold=1).text)
    installed = command("trust", node, file, "--json")
    assert installed.returncode == 0, installed.stderr
    assert json.loads(installed.stdout)["witnesses"] == ["witness-one"]
    foreign = federation_policy(
        NoteSigner("tacita.test/log", SigningKey.generate()).verifier, {"witness-one": witness}, threshold=1
    )
    file.write_text(foreign.text)
    refused = command("trust", node, file)
    assert (refused.returncode, "log key" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"invite": "nonsense"}, "not an invitation code"),
        ({"invite": "A" * 32 + "." + "A" * 43}, "not an invitation code"),
        ({"invite": "A" * 32 + "." + SigningKey.from_seed(b"7" * 32).verify_key.text}, "not the broker"),
        ({"kind": "casino"}, "--kind is one of"),
        ({"jurisdiction": "Britain"}, "jurisdictions"),
        ({"name": "\u202ebank"}, "name"),
        ({"broker": "http://127.0.0.1:1"}, "could not be reached"),
        ({"broker": "ftp://x"}, "http"),
        ({"passphrase-file": "/nonexistent"}, "cannot read"),
    ],
)
def test_init_says_what_is_wrong(
    tmp_path: Path, broker: ServedBroker, passphrase: Path, changed: dict[str, str], said: str
) -> None:
    made = init(tmp_path / "node", broker, passphrase, **changed)
    assert made.returncode in (1, 2)
    assert said in made.stderr
    assert "Traceback" not in made.stderr
    assert not (tmp_path / "node" / "broker.json").exists()


def test_init_goes_on_with_the_same_keys(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    node = tmp_path / "node"
    enrolled = len(broker.simulator.enrolled)
    assert init(node, broker, passphrase, broker="http://127.0.0.1:1").returncode == 1
    card = (node / "card.json").read_bytes()
    other = init(node, broker, passphrase, name="South Bank")
    assert (other.returncode, "other particulars" in other.stderr) == (1, True)
    assert init(node, broker, passphrase).returncode == 0
    assert (node / "card.json").read_bytes() == card
    again = init(node, broker, passphrase)
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert len(broker.simulator.enrolled) == enrolled + 1


def test_run_says_what_is_wrong(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> None:
    node = tmp_path / "node"
    empty = command("run", node, "--passphrase-file", passphrase)
    assert (empty.returncode, "run `tacita-node init` first" in empty.stderr) == (1, True)
    assert init(node, broker, passphrase).returncode == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase")
    refused = command("run", node, "--passphrase-file", wrong)
    assert (refused.returncode, "wrong passphrase" in refused.stderr) == (1, True)
    far = command("run", node, "--passphrase-file", passphrase, TACITA_NODE_HOST="0.0.0.0")
    assert (far.returncode, "allowed_hosts" in far.stderr) == (1, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        busy = command("run", node, "--passphrase-file", passphrase, TACITA_NODE_PORT=port)
        assert (busy.returncode, "cannot listen" in busy.stderr) == (1, True)
    role = command("token", node, "--role", "king")
    assert (role.returncode, "--role is one of: analyst, auditor" in role.stderr) == (1, True)
    assert "Traceback" not in empty.stderr + refused.stderr + far.stderr + role.stderr


@pytest.mark.parametrize("name", ["init", "run", "token", "trust"])
def test_help_shows_an_example(name: str) -> None:
    shown = command(name, "--help")
    assert shown.returncode == 0
    assert "Example: tacita-node" in shown.stdout
