"""The witness at work against a broker's two routes, over HTTP without a network."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from tacita_protocol.api import CosignatureBody, WitnessNext, parse_body
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.tlog.note import CosignatureSigner, NoteVerifier, compose, open_note
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted, SdkError
from tacita_sdk.witness import Witness, WitnessRunner, WitnessStateError, WitnessStore, init_witness, run_witness
from tacita_sdk.witness.http import WitnessHttp
from tests.support.memory_log import MemoryLog, key_named

SIGNER = CosignatureSigner("witness-test", key_named("witness-test"))
NOW = 1_800_000_000
PATIENCE_SECONDS = 60
"""Far more than anything takes; a busy machine gets it."""
SOON_SECONDS = 20
"""Less than the pause after a refusal, and than a poll."""


def streamed(status: int, body: bytes = b"", **headers: str) -> httpx2.Response:
    """An answer that arrives in pieces, as from a network."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    return httpx2.Response(status, content=pieces(), headers=headers)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something that another task does has happened."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not come to this in time"
        await asyncio.sleep(0.01)


class Broker:
    """The witness routes over a log in memory; `answers` holds statuses for the next posts, 204 afterwards."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.log.append(b"first")
        self.posted: list[CosignatureBody] = []
        self.answers: list[int] = []

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        if method == "POST" and target == "/v1/witness/cosignatures":
            self.posted.append(parse_body(CosignatureBody, body))
            return (self.answers.pop(0) if self.answers else 204), b""
        path, _, query = target.partition("?")
        assert (method, path) == ("GET", "/v1/witness/next")
        old = int(dict(item.split("=") for item in query.split("&"))["old"])
        if old >= self.log.size:
            return 204, b""
        proof = self.log.consistency(old) if old else []
        offered = WitnessNext(old=old, proof=tuple(map(b64u, proof)), checkpoint=self.log.note(cosigners=[]).decode())
        return 200, offered.model_dump_json().encode()

    def transport(self) -> httpx2.MockTransport:
        async def handle(request: httpx2.Request) -> httpx2.Response:
            await asyncio.sleep(0)
            status, body = self.answer(request.method, request.url.raw_path.decode(), await request.aread())
            return streamed(status, body)

        return httpx2.MockTransport(handle)


def run(
    work: Callable[[WitnessRunner, Witness], Awaitable[None]], broker: Broker, directory: Path, events: list[str]
) -> None:
    async def main() -> None:
        if not WitnessStore(directory).exists:
            WitnessStore.create(directory)
        witness = Witness(log=broker.log.signer.verifier, signer=SIGNER, memory=WitnessStore(directory))
        async with httpx2.AsyncClient(transport=broker.transport()) as client:
            api = WitnessHttp("http://broker.test:8443", client=client)
            await work(WitnessRunner(witness, api, clock=lambda: NOW, report=events.append), witness)

    asyncio.run(main())


def test_cosigns_what_is_new(tmp_path: Path) -> None:
    broker, events = Broker(), list[str]()

    async def work(runner: WitnessRunner, witness: Witness) -> None:
        assert await runner.step()
        assert not await runner.step()
        broker.log.append(b"second")
        assert await runner.step()
        assert witness.size == 2

    run(work, broker, tmp_path, events)
    assert events == ["witness.cosigned", "witness.cosigned"]
    assert [body.size for body in broker.posted] == [1, 2]
    text = broker.log.checkpoint().text()
    assert open_note(compose(text, [broker.posted[-1].line]), [SIGNER.verifier]).verified[0].timestamp == NOW


def test_hands_over_again_until_taken(tmp_path: Path) -> None:
    broker, events = Broker(), list[str]()
    broker.answers = [422, 404, 409]

    async def work(runner: WitnessRunner, _witness: Witness) -> None:
        for _ in range(4):
            assert not await runner.step()

    run(work, broker, tmp_path, events)
    assert events == ["witness.not-accepted", "witness.not-accepted"]
    assert [body.size for body in broker.posted] == [1, 1, 1]


def test_a_refusal_that_lasts_is_reported_once(tmp_path: Path) -> None:
    broker, events = Broker(), list[str]()
    broker.answers = [422, 422, 422, 409]

    async def work(runner: WitnessRunner, _witness: Witness) -> None:
        for _ in range(4):
            await runner.step()

    run(work, broker, tmp_path, events)
    assert events == ["witness.not-accepted"]
    assert [body.size for body in broker.posted] == [1, 1, 1, 1]


def test_hands_over_again_after_a_restart(tmp_path: Path) -> None:
    broker, events = Broker(), list[str]()
    broker.answers = [503]

    async def fails(runner: WitnessRunner, _witness: Witness) -> None:
        with pytest.raises(BrokerUnreachable):
            await runner.step()

    async def restarted(runner: WitnessRunner, _witness: Witness) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(runner.run(stop))
        await until(lambda: len(broker.posted) == 2)
        stop.set()
        await task

    run(fails, broker, tmp_path, events)
    run(restarted, broker, tmp_path, events)
    assert broker.posted[0] == broker.posted[1]


def test_goes_on_after_a_refusal_without_cosigning(tmp_path: Path) -> None:
    broker, events = Broker(), list[str]()
    for i in range(4):
        broker.log.append(b"%d" % i)

    async def work(runner: WitnessRunner, witness: Witness) -> None:
        await runner.step()
        broker.log = MemoryLog()
        for i in range(8):
            broker.log.append(b"fork %d" % i)
        stop = asyncio.Event()
        task = asyncio.create_task(runner.run(stop))
        await until(lambda: "witness.refused" in events)
        stop.set()
        await asyncio.wait_for(task, SOON_SECONDS)
        assert witness.size == 5

    run(work, broker, tmp_path, events)
    # The cosignature of the true tree is handed over again; the fork gets none.
    assert {body.size for body in broker.posted} == {5}


def test_a_lost_memory_ends_the_run(tmp_path: Path) -> None:
    broker = Broker()

    async def work(runner: WitnessRunner, _witness: Witness) -> None:
        (tmp_path / "witness-state.json").unlink()
        with pytest.raises(WitnessStateError):
            await asyncio.wait_for(runner.run(asyncio.Event()), PATIENCE_SECONDS)

    run(work, broker, tmp_path, [])
    assert broker.posted == []


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"),
    [
        (200, b"x" * 200_000, {}, ResponseUntrusted),
        (200, b"{}", {}, ResponseUntrusted),
        (200, b'{"old":0,"old":0,"proof":[],"checkpoint":"x"}', {}, ResponseUntrusted),
        (200, b"x", {"content-encoding": "gzip"}, ResponseUntrusted),
        (302, b"", {"location": "http://other.test/"}, ResponseUntrusted),
        (201, b"", {}, ResponseUntrusted),
        (500, b"", {}, BrokerProblem),
        (503, b"", {}, BrokerUnreachable),
    ],
)
def test_bad_answers(status: int, body: bytes, headers: dict[str, str], error: type[SdkError]) -> None:
    async def main() -> None:
        transport = httpx2.MockTransport(lambda _request: streamed(status, body, **headers))
        async with httpx2.AsyncClient(transport=transport) as client:
            with pytest.raises(error):
                await WitnessHttp("https://broker.test", client=client).witness_next(0, wait=1)

    asyncio.run(main())


@pytest.mark.parametrize("url", ["", "ftp://a.test", "http://", "http://u:p@a.test", "http://a.test/x", "http://[::"])
def test_bad_address(url: str) -> None:
    with pytest.raises(SdkError, match="address"):
        WitnessHttp.require_url(url)


def test_init_makes_a_directory_once(tmp_path: Path) -> None:
    vkey = MemoryLog().signer.vkey
    made = init_witness(tmp_path / "w", name="regulator-uk", broker_url="https://broker.test", log_vkey=vkey)
    word, name, witness_vkey = made.split(" ")
    assert (word, name, NoteVerifier.from_vkey(witness_vkey).name) == ("witness", "regulator-uk", "regulator-uk")
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SdkError, match="not empty"):
        init_witness(tmp_path / "w", name="regulator-uk", broker_url="https://broker.test", log_vkey=vkey)


@pytest.mark.parametrize(
    ("name", "vkey"),
    [
        ("none", MemoryLog().signer.vkey),
        ("two words", MemoryLog().signer.vkey),
        ("a+b", MemoryLog().signer.vkey),
        ("ok", "not a key"),
        ("ok", SIGNER.vkey),
    ],
)
def test_init_refuses(tmp_path: Path, name: str, vkey: str) -> None:
    with pytest.raises(SdkError):
        init_witness(tmp_path / "w", name=name, broker_url="https://broker.test", log_vkey=vkey)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("sealed", [False, True])
def test_process_runs_and_stops(tmp_path: Path, sealed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if sealed:
        (tmp_path / "passphrase").write_text("correct horse\n")
        monkeypatch.setenv("TACITA_WITNESS_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    broker = Broker()
    taken = threading.Event()
    """The witness asks for what comes after the checkpoint that it has cosigned."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if broker.posted and self.command == "GET":
                taken.set()
            status, answer = broker.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _serve  # noqa: N815  the names that the server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        directory = tmp_path / "w"
        line = init_witness(directory, name="w", broker_url=url, log_vkey=broker.log.signer.vkey)
        code = f"import pathlib, tacita_sdk.witness as w; w.run_witness(pathlib.Path({json.dumps(str(directory))}))"
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=os.environ)
        assert taken.wait(PATIENCE_SECONDS)
        with pytest.raises(SdkError, match="runs this witness already"):
            run_witness(directory)
        process.send_signal(signal.SIGTERM)
        _, logs = process.communicate(timeout=PATIENCE_SECONDS)
        server.shutdown()
    assert process.returncode == 0
    lines = [json.loads(line) for line in logs.splitlines()]
    events = [line["event"] for line in lines]
    assert (events[:2], events[-1]) == (["witness.started", "witness.cosigned"], "witness.stopped")
    assert all(set(line) == {"event", "level", "timestamp"} for line in lines)
    assert (broker.log.origin.encode() in logs, broker.posted[0].line.encode() in logs) == (False, False)
    verifier = NoteVerifier.from_vkey(line.split()[2])
    assert open_note(compose(broker.log.checkpoint().text(), [broker.posted[0].line]), [verifier]).verified


def test_run_refuses_a_directory_that_is_no_witness(tmp_path: Path) -> None:
    with pytest.raises(SdkError, match="does not hold a witness"):
        run_witness(tmp_path)
    init_witness(tmp_path / "w", name="w", broker_url="https://b.test", log_vkey=MemoryLog().signer.vkey)
    (tmp_path / "w" / "witness.key").write_text("AAAA\n")
    with pytest.raises(SdkError, match="cannot be read"):
        run_witness(tmp_path / "w")


def test_a_broker_that_stays_away_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tacita_sdk.witness.runner.FIRST_PAUSE", 0.001)
    broker, events = Broker(), list[str]()
    broker.answers = [503, 503, 503]

    async def work(runner: WitnessRunner, _witness: Witness) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(runner.run(stop))
        await until(lambda: "witness.cosigned" in events)
        stop.set()
        await task

    run(work, broker, tmp_path, events)
    assert events == ["witness.unreachable", "witness.cosigned"]
    assert len(broker.posted) == 4
