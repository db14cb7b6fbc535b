"""A node reaches its broker through the shipped proxy: real processes, TLS on loopback, a private authority."""

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tacita_broker.directory import BrokerDirectory, NewBroker
from tests.support.name_server import name_server
from tests.support.single_node import PASSPHRASE
from tests.support.tls_proxy import Authority, handshake, proxy

START_SECONDS = 60.0
FRAME_BYTES = 2**20


@dataclass(frozen=True)
class Reached:
    """A broker behind the proxy."""

    directory: Path
    url: str
    port: int
    authority: Path
    stranger: Path
    """Another authority's certificate."""
    passphrase: Path


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    root = tmp_path_factory.mktemp("proxied")
    root.chmod(0o755)  # nginx's workers are nobody
    port, broker_port = free_port(), free_port()
    directory, passphrase = root / "broker", root / "passphrase"
    passphrase.write_bytes(PASSPHRASE)
    new = NewBroker("hub", "Hub", "127.0.0.1", broker_port, (f"localhost:{port}",), None)
    asyncio.run(BrokerDirectory(directory).create(new, PASSPHRASE))
    authority = Authority.new("private")
    known, stranger = authority.write(root / "ca.pem"), Authority.new("private").write(root / "other.pem")
    command = [sys.executable, "-m", "tacita_broker.cli", "run", str(directory), "--behind-proxy"]
    with (root / "broker.log").open("wb") as log:
        broker = subprocess.Popen([*command, "--passphrase-file", str(passphrase)], stderr=log)
    try:
        with proxy(root, authority, port=port, broker_port=broker_port):
            give_up = time.monotonic() + START_SECONDS
            url = f"https://localhost:{port}"
            while _get(f"{url}/healthz", known).status_code != 200:
                assert broker.poll() is None, (root / "broker.log").read_text()
                assert time.monotonic() < give_up, "it did not get ready"
                time.sleep(0.05)
            yield Reached(directory, url, port, known, stranger, passphrase)
    finally:
        broker.terminate()
        broker.wait()


def _get(url: str, authority: Path) -> httpx2.Response:
    return httpx2.get(url, timeout=30, trust_env=False, verify=ssl.create_default_context(cafile=authority))


def _init(reached: Reached, home: Path, invitation: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from tacita_node.cli import main; main()", "init", str(home)]
    particulars = ["--name", "Bank", "--kind", "bank", "--jurisdiction", "GB", "--invite", invitation]
    given = ["--broker", reached.url, "--passphrase-file", str(reached.passphrase), *particulars, *options]
    return subprocess.run([*command, *given], capture_output=True, text=True, check=False)


def test_a_node_joins_through_the_proxy_and_believes_one_authority(reached: Reached, tmp_path: Path) -> None:
    invite = [sys.executable, "-m", "tacita_broker.cli", "invite", str(reached.directory), "--kind", "bank"]
    said = subprocess.run(invite, capture_output=True, text=True, check=True).stdout
    invitation = next(word for word in said.split() if "." in word and len(word) > 60)
    # Neither the system's authorities nor another private one vouches for this broker; nothing is spent on it.
    for options in ((), ("--broker-ca", str(reached.stranger))):
        refused = _init(reached, tmp_path / "node", invitation, *options)
        assert refused.returncode == 3  # as when no broker answers
        [said] = refused.stderr.splitlines()
        whose = options[1] if options else "the system's authorities"
        assert f"{whose} did not sign the certificate at {reached.url}" in said
        assert not (tmp_path / "node" / "broker.json").exists()
    joined = _init(reached, tmp_path / "node", invitation, "--broker-ca", str(reached.authority))
    assert joined.returncode == 0, joined.stderr
    assert f"broker_ca = '{reached.authority}'" in (tmp_path / "node" / "config.toml").read_text()


def test_only_the_newest_tls_is_spoken(reached: Reached) -> None:
    assert handshake(reached.port, reached.authority, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version|alert"):
        handshake(reached.port, reached.authority, ssl.TLSVersion.TLSv1_2)


def test_the_broker_itself_answers_what_is_large_unknown_or_addressed_to_another(reached: Reached) -> None:
    context = ssl.create_default_context(cafile=reached.authority)
    with httpx2.Client(base_url=reached.url, timeout=30, trust_env=False, verify=context) as client:
        answers = [
            client.put("/v1/matches/x/frames/requester/0", content=bytes(FRAME_BYTES)),
            client.get("/v1/%7Ethere/..%2Fis/none"),
            client.get("/healthz", headers={"host": "elsewhere.example"}),
        ]
    assert [answer.headers["content-type"] for answer in answers] == ["application/problem+json"] * 3
    assert [answer.status_code < 500 for answer in answers] == [True] * 3
    assert {answer.headers["strict-transport-security"] for answer in answers} == {"max-age=31536000"}


def test_the_proxy_writes_down_nothing_of_a_request_that_fails(reached: Reached) -> None:
    context = ssl.create_default_context(cafile=reached.authority)
    with httpx2.Client(base_url=reached.url, timeout=30, trust_env=False, verify=context) as client:
        refused = client.put("/v1/matches/said-of-nobody/frames/requester/0", content=bytes(3 * FRAME_BYTES))
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "text/html"  # of the proxy: too large for the broker to be asked
    assert (reached.directory.parent / "nginx.log").read_text() == ""


@contextmanager
def answering(address: str, port: int) -> Iterator[None]:
    """A server that answers with its address and the path that it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = f"{address} {self.path}".encode()
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((address, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_a_broker_whose_container_gets_another_address_is_found_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("renamed")
    root.chmod(0o755)  # nginx's workers are nobody
    port, broker_port = free_port(), free_port()
    authority = Authority.new("private")
    known = authority.write(root / "ca.pem")
    url = f"https://localhost:{port}/v1/%7Ethere/..%2Fis?of=%20none"
    with (
        name_server("127.0.0.1") as names,
        answering("127.0.0.1", broker_port),
        proxy(root, authority, port=port, broker_port=broker_port, names=names.port),
    ):
        first = _get(url, known)
        assert (first.status_code, first.text) == (200, "127.0.0.1 /v1/%7Ethere/..%2Fis?of=%20none")
        names.address = "127.0.0.2"
        with answering("127.0.0.2", broker_port):
            give_up = time.monotonic() + START_SECONDS
            while not (seen := _get(url, known).text).startswith("127.0.0.2 "):
                assert time.monotonic() < give_up, seen
                time.sleep(0.1)
    assert (root / "nginx.log").read_text() == ""
