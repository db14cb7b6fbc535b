"""`tacita-broker` as people and service managers meet it: real processes, real sockets, real signals."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from tacita_broker.cli import app
from tacita_broker.version import version

COMMAND = [sys.executable, "-m", "tacita_broker.cli"]
START_SECONDS = 60
STOP_SECONDS = 15.0
"""A stop takes 0.3 s; a busy machine gets more, but less than the 25 s for which requests are held open."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def received(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    answer = b""
    with connection:
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


class Process:
    """A broker's directory, and the process that runs it."""

    def __init__(self, root: Path) -> None:
        self.directory = root / "broker"
        self.passphrase = root / "passphrase"
        self.passphrase.write_text("correct horse battery staple\n")
        self.port = free_port()
        made = command(
            "init",
            str(self.directory),
            "--name",
            "Test broker",
            "--port",
            str(self.port),
            "--passphrase-file",
            str(self.passphrase),
            "--json",
        )
        assert made.returncode == 0, made.stderr
        self.info = json.loads(made.stdout)
        self.url = f"http://127.0.0.1:{self.port}"

    def popen(self, *options: str) -> subprocess.Popen[str]:
        """Start `run`."""
        return subprocess.Popen(
            [*COMMAND, "run", str(self.directory), "--passphrase-file", str(self.passphrase), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """A process that answers."""
        process = self.popen()
        try:
            self.until_ready(process)
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def until_ready(self, process: subprocess.Popen[str]) -> None:
        """Wait until `/healthz` answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert process.poll() is None, process.communicate()[1]
            try:
                if httpx2.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.05)
        raise AssertionError("the broker did not get ready")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Process:
    return Process(tmp_path_factory.mktemp("process"))


def test_a_broker_stops_at_once_with_requests_held_open(broker: Process) -> None:
    with broker.running() as process:
        target = f"GET /v1/witness/next?old=0&wait=25 HTTP/1.1\r\nhost: 127.0.0.1:{broker.port}\r\n"
        polls = [socket.create_connection(("127.0.0.1", broker.port), timeout=60) for _ in range(3)]
        for poll in polls:
            poll.sendall(f"{target}connection: close\r\n\r\n".encode())
        # Answered after those that came before it were taken up.
        assert httpx2.get(f"{broker.url}/healthz", timeout=60).status_code == 200
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=60)
        assert time.monotonic() - started < STOP_SECONDS
        answers = [received(poll) for poll in polls]
        assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 204 No Content"] * 3
        assert (process.returncode, output) == (0, "")
        events = [json.loads(line)["event"] for line in log.splitlines()]
        assert events == ["broker.starting", "broker.stopped"]


def test_a_second_broker_says_why_it_stops(broker: Process) -> None:
    with broker.running():
        second = broker.popen("--port", str(free_port()))
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert "another broker is running on this database" in errors


def test_a_killed_broker_starts_again_at_once(broker: Process) -> None:
    with broker.running() as process:
        invited = command("invite", str(broker.directory), "--kind", "bank", "--json")
        assert len(json.loads(invited.stdout)["code"].partition(".")[0]) == 32
        process.kill()
        process.wait()
    with broker.running():
        assert httpx2.get(f"{broker.url}/v1/broker", timeout=60).json()["signing_key"] == broker.info["signing_key"]
    checked = command("log", "check", str(broker.directory), "--json")
    assert [step["number"] for step in json.loads(checked.stdout)] == [1, 2, 3, 4, 5]


def test_what_is_no_http_gets_a_problem_document(broker: Process) -> None:
    cases = {
        b"hello\r\n\r\n": b" 400 ",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 40_000: b" 431 ",
        b"GET /%zz\xff HTTP/1.1\r\nhost: x\r\n\r\n": b" 400 ",
    }
    with broker.running():
        for sent, status in cases.items():
            with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as connection:
                connection.sendall(sent)
                answer = received(connection)
                assert status in answer.partition(b"\r\n")[0] + b" ", answer
                assert b"application/problem+json" in answer


def test_headers_that_do_not_come_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACITA_BROKER_HEADER_SECONDS", "0.3")
    broker = Process(tmp_path)
    with broker.running(), socket.create_connection(("127.0.0.1", broker.port), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost")
        assert b"408" in connection.recv(65536)


def test_an_address_that_others_reach_needs_tls(broker: Process) -> None:
    process = broker.popen("--host", "0.0.0.0")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--behind-proxy" in errors


def test_an_address_in_use_is_a_sentence(broker: Process) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process = broker.popen("--port", str(other.getsockname()[1]))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot listen on 127.0.0.1" in errors


@pytest.mark.parametrize(
    ("code", "arguments", "sentence"),
    [
        (1, ("info", "nowhere"), "tacita-broker init"),
        (2, ("invite", "BROKER", "--kind", "pirate"), "bank"),
        (1, ("approve", "BROKER", "nobody"), "no partner with this id"),
        (2, ("trust", "BROKER", "nowhere"), "cannot be read"),
        (1, ("trust", "BROKER", __file__), "not one"),
        (2, ("run", "BROKER", "--passphrase-file", "nowhere"), "passphrase file nowhere"),
        (2, ("run", "BROKER", "--tls-key", "nowhere"), "TLS needs both"),
        (2, ("run", "BROKER", "--tls-key", "nowhere", "--tls-certificate", __file__), "nowhere cannot be read"),
        (2, ("init", "BROKER", "--name", "Again"), "passphrase"),
        (2, ("init", "NEW", "--name", "", "--passphrase-file", __file__), "name: "),
        (
            2,
            ("init", "NEW", "--name", "B", "--authority", "https://b", "--passphrase-file", __file__),
            "is host[:port]",
        ),
        (2, ("init", "NEW", "--name", "B", "--database", "mysql://b", "--passphrase-file", __file__), "SQLite"),
        (1, ("init", __file__, "--name", "B", "--passphrase-file", __file__), f"{__file__} cannot be used: "),
    ],
)
def test_mistakes_are_one_sentence_and_an_exit_code(
    broker: Process, tmp_path: Path, code: int, arguments: tuple[str, ...], sentence: str
) -> None:
    places = {"BROKER": str(broker.directory), "NEW": str(tmp_path / "new")}
    result = CliRunner(env={"TACITA_BROKER_PASSPHRASE_FILE": None}).invoke(
        app, [places.get(item, item) for item in arguments]
    )
    assert (result.exit_code, result.stdout) == (code, "")
    assert isinstance(result.exception, SystemExit)
    assert not (tmp_path / "new").exists()
    assert result.stderr.startswith("tacita-broker: ")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_it_says_its_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"tacita-broker {version()}\n")


@pytest.mark.parametrize("name", ["init", "run", "info", "invite", "partners", "approve", "trust", "log check"])
def test_each_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert f"Example: tacita-broker {name} broker" in " ".join(result.output.split())
