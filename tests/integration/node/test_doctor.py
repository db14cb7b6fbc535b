"""A node that examines itself, in a federation of real parts: what it finds when something is missing or blocked."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacita_node.access.roles import Role
from tacita_node.app import create_app
from tacita_node.config import NodeDirectory
from tacita_node.doctor import federation as others
from tacita_node.doctor import machine
from tacita_node.storage import Database
from tacita_node.workers import unnoticed
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_protocol.errors import EngineFailure
from tacita_protocol.psi.engine import Task
from tacita_sdk.node_api import DoctorReport, Finding
from tests.support.match_federation import Intercept, MatchFederation, Send, match_federation, system_clock, until
from tests.support.single_node import BUNDLE

pytestmark = pytest.mark.anyio

Line = Callable[[Intercept], None]


@pytest.fixture(scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MatchFederation]:
    async with match_federation(tmp_path_factory.mktemp("federation")) as one:
        now = system_clock()
        one.bank.running.clock = lambda: now  # no finding depends on how busy this machine is
        yield one


@pytest.fixture
def line(federation: MatchFederation) -> Iterator[Callable[[Intercept], None]]:
    def put(on: Intercept) -> None:
        federation.bank.line.on = on

    yield put
    federation.bank.line.on = None


async def examined(federation: MatchFederation, *, days: int = 90) -> dict[str, Finding]:
    """The findings, by what was looked at, over the local API."""
    services = federation.bank.running
    token = (await services.tokens.issue(Role.AUDITOR, days=days)).secret
    headers = {"authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8441", headers=headers) as client:
        answer = await client.get("/v1/doctor")
    assert answer.status_code == 200, answer.text
    report = DoctorReport.model_validate_json(answer.content)
    assert all(finding.fix for finding in report.findings if finding.status in ("warning", "failed"))
    assert not any(finding.fix for finding in report.findings if finding.status in ("ok", "skipped"))
    return {finding.check: finding for finding in report.findings}


async def test_a_node_that_can_match_finds_nothing(
    federation: MatchFederation, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line(dated(0, federation.bank.running.clock()))
    monkeypatch.setattr(machine, "LITTLE_ROOM", 0)

    async def cosigned() -> bool:
        return (await examined(federation))["witnesses"].status == "ok"

    await until(cosigned)
    found = await examined(federation)
    checks = "token broker clock approval trust witnesses keys engine policy database disk"
    assert {check: finding.status for check, finding in found.items()} == dict.fromkeys(checks.split(), "ok")
    assert BUNDLE.digest in found["policy"].found


def answer(request: httpx2.Request, status: int, body: bytes) -> httpx2.Response:
    """What somebody else says."""
    return httpx2.Response(status, stream=httpx2.ByteStream(body), request=request)


def dated(seconds: int, now: int) -> Intercept:
    """A broker whose clock is ahead by so much."""

    async def say(_: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        response.headers["date"] = formatdate(now + seconds, usegmt=True)
        return response

    return say


@pytest.mark.parametrize(
    ("ahead", "status"), [(300, "failed"), (-300, "failed"), (20, "warning"), (-20, "warning"), (2, "ok")]
)
async def test_a_clock_that_is_off_is_found(federation: MatchFederation, line: Line, ahead: int, status: str) -> None:
    line(dated(ahead, federation.bank.running.clock()))
    clock = (await examined(federation))["clock"]
    assert clock.status == status
    assert ("ahead of" if ahead > 0 else "behind") in clock.found


async def test_a_broker_that_says_no_time_is_no_finding(federation: MatchFederation) -> None:
    assert (await examined(federation))["clock"].status == "skipped"


async def test_a_broker_that_is_not_there_is_asked_once(federation: MatchFederation, line: Line) -> None:
    asked: list[str] = []

    async def nobody(request: httpx2.Request, _: Send) -> httpx2.Response:
        if not request.url.path.startswith(("/v1/witness", "/v1/inbox")):
            asked.append(request.url.path)
        raise httpx2.ConnectError("refused", request=request)

    line(nobody)
    found = await examined(federation)
    assert found["broker"].status == "failed"
    assert [found[check].status for check in ("clock", "approval", "witnesses")] == ["skipped"] * 3
    assert found["trust"].status == "ok"
    assert asked.count("/v1/broker") == 1
    assert set(asked) <= {"/v1/broker", "/v1/tokens"}


async def test_a_certificate_that_nobody_vouches_for_is_found(federation: MatchFederation, line: Line) -> None:
    async def untrusted(request: httpx2.Request, _: Send) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request) from ssl.SSLCertVerificationError("unknown authority")

    line(untrusted)
    found = await examined(federation)
    assert (found["broker"].status, "vouches for the certificate" in found["broker"].found) == ("failed", True)
    assert found["clock"].status == "skipped"


async def test_something_that_answers_in_its_stead_is_no_broker(federation: MatchFederation, line: Line) -> None:
    async def portal(request: httpx2.Request, _: Send) -> httpx2.Response:
        return answer(request, 200, b"<html>please log in</html>")

    line(portal)
    broker = (await examined(federation))["broker"]
    assert (broker.status, "is no broker" in broker.found) == ("failed", True)


async def test_a_broker_that_does_not_know_this_key_is_found(federation: MatchFederation, line: Line) -> None:
    async def stranger(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.url.path == "/v1/partners":
            return answer(request, 401, b"{}")
        return await send()

    line(stranger)
    approval = (await examined(federation))["approval"]
    assert (approval.status, "takes nothing from this node's key" in approval.found) == ("failed", True)


@pytest.mark.parametrize(("text", "said"), [(None, "No trust file"), ("log nonsense\n", "is refused")])
async def test_a_trust_file_that_is_missing_or_spoilt_is_found(
    federation: MatchFederation, text: str | None, said: str
) -> None:
    file = federation.bank.directory.trust
    kept = file.read_bytes()
    try:
        file.unlink()
        if text is not None:
            file.write_text(text)
        found = await examined(federation)
    finally:
        file.write_bytes(kept)
    assert (found["trust"].status, said in found["trust"].found) == ("failed", True)
    assert found["witnesses"].status == "skipped"


async def test_another_trust_file_than_the_brokers_is_found(federation: MatchFederation, line: Line) -> None:
    async def another(request: httpx2.Request, send: Send) -> httpx2.Response:
        if request.url.path == "/v1/trust":
            return answer(request, 200, b"log another\n")
        return await send()

    line(another)
    assert (await examined(federation))["trust"].status == "warning"


async def test_witnesses_that_do_not_cosign_are_found(
    federation: MatchFederation, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others, "COSIGNING_PAUSE_SECONDS", 0.0)

    async def alone(request: httpx2.Request, send: Send) -> httpx2.Response:
        response = await send()
        if request.url.path != "/log/checkpoint":
            return response
        text, _, signatures = (await response.aread()).partition(b"\n\n")
        by_the_log = signatures.partition(b"\n")[0]
        return answer(request, 200, text + b"\n\n" + by_the_log + b"\n")

    line(alone)
    witnesses = (await examined(federation))["witnesses"]
    assert (witnesses.status, "not cosigned by a quorum" in witnesses.found) == ("failed", True)


async def test_keys_that_others_may_read_and_a_rotation_that_was_begun_are_found(federation: MatchFederation) -> None:
    directory = federation.bank.directory
    directory.keys.chmod(0o640)
    try:
        opened = (await examined(federation))["keys"]
    finally:
        directory.keys.chmod(0o600)
    assert (opened.status, "keys.sealed" in opened.found) == ("warning", True)
    directory.rotation.write_text("{}")
    try:
        assert machine.keys(directory).status == "warning"
    finally:
        directory.rotation.unlink()


@pytest.mark.parametrize(("mode", "status"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warning"), (0o604, "warning")])
async def test_a_passphrase_that_others_may_read_is_found(
    federation: MatchFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, status: str
) -> None:
    file = tmp_path / "pass phrase"
    file.touch()
    file.chmod(mode)
    monkeypatch.setattr(federation.bank.running, "passphrase_file", file)
    keys = (await examined(federation))["keys"]
    assert keys.status == status
    assert keys.fix == (None if status == "ok" else f"Run `chmod 600 '{file}'`.")


def test_a_passphrase_that_the_system_hands_over_or_took_away_is_no_finding(
    federation: MatchFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = federation.bank.directory
    assert machine.keys(directory, tmp_path / "gone").status == "ok"
    (tmp_path / "secrets").mkdir()
    file = tmp_path / "secrets" / "passphrase"
    file.touch()
    file.chmod(0o444)
    assert machine.keys(directory, file).status == "warning"
    monkeypatch.setattr(machine, "HANDED_OVER", (tmp_path / "secrets",))
    assert machine.keys(directory, file).status == "ok"
    (tmp_path / "link").symlink_to(file)
    assert machine.keys(directory, tmp_path / "link").status == "ok"


async def test_a_token_that_ends_soon_is_found(federation: MatchFederation) -> None:
    assert (await examined(federation, days=3))["token"].status == "warning"


class DeadWorkers:
    """Workers that were killed."""

    async def run(self, tasks: Sequence[Task], done: Callable[[int], None] = unnoticed) -> list[Any]:
        del tasks, done
        raise EngineFailure("a worker process ended unexpectedly")


async def test_workers_that_are_gone_are_found() -> None:
    (engine,) = await machine.engines(DeadWorkers())
    assert (engine.status, "ecdh fails" in engine.found) == ("failed", True)


async def test_a_policy_that_decides_nothing_is_found() -> None:
    point = EmbeddedDecisionPoint(BUNDLE)
    await point.close()
    policy = await machine.policy(point)
    assert (policy.status, "unavailable" in policy.found) == ("failed", True)


async def test_a_database_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    database = Database(tmp_path / "gone" / "node.db")
    try:
        assert (await machine.database(database)).status == "failed"
    finally:
        await database.close()


@pytest.mark.parametrize(("little", "none", "status"), [(0, 0, "ok"), (2**60, 0, "warning"), (2**60, 2**60, "failed")])
def test_a_disk_without_room_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, little: int, none: int, status: str
) -> None:
    monkeypatch.setattr(machine, "LITTLE_ROOM", little)
    monkeypatch.setattr(machine, "NO_ROOM", none)
    assert machine.disk(NodeDirectory(tmp_path)).status == status


def test_a_directory_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    assert machine.disk(NodeDirectory(tmp_path / "gone")).status == "failed"
