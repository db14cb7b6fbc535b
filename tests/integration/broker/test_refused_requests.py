"""Malformed and oversized requests: a problem document, and no state change. Wrong signatures: `tests/hostile/`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from tacita_protocol.api import AgreementBody, StatementBody
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_match import federation, match_request
from tests.support.broker_partner import Partner

JSON = {"content-type": "application/json"}
MIB = 1024 * 1024


def assert_problem(answer: httpx2.Response, status: int) -> None:
    """The answer is a problem document with this status, and says nothing but constant sentences."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"].startswith("urn:tacita:problem:")
    assert body["status"] == status
    assert set(body) == {"type", "title", "status", "detail"}


@pytest.fixture(scope="module")
def federated() -> Callable[[Path, Callable[[BrokerHarness, Partner, Partner], Awaitable[None]]], None]:
    """Runs a test against a federation."""

    def run(root: Path, test: Callable[[BrokerHarness, Partner, Partner], Awaitable[None]]) -> None:
        async def work() -> None:
            async with broker_at(root) as harness:
                bank, ngo = await federation(harness)
                await test(harness, bank, ngo)

        asyncio.run(work())

    return run


Federated = Callable[[Path, Callable[[BrokerHarness, Partner, Partner], Awaitable[None]]], None]


MALFORMED = [
    pytest.param(b"", 422, id="empty"),
    pytest.param(b"{", 422, id="not JSON"),
    pytest.param(b"\xff\xfe{}", 422, id="not UTF-8"),
    pytest.param(b"[]", 422, id="another type"),
    pytest.param(b"{}", 422, id="a field is missing"),
    pytest.param(b'{"envelope":"x","more":1}', 422, id="an unknown field"),
    pytest.param(b'{"envelope":"x","envelope":"x"}', 422, id="a duplicate key"),
    pytest.param(b'{"envelope":' + b"9" * 400 + b"}", 422, id="a huge integer"),
    pytest.param(b'{"envelope":NaN}', 422, id="NaN"),
    pytest.param(b'{"envelope":"not an envelope"}', 422, id="no envelope"),
    pytest.param(
        b'{"envelope":"{\\"payload\\":\\"\\",\\"payloadType\\":\\"x\\",\\"signatures\\":[]}"}', 422, id="unsigned"
    ),
    pytest.param(b"[" * 100_000, 413, id="deep"),
    pytest.param(b'{"envelope":"' + b"a" * MIB + b'"}', 413, id="too long"),
]


@pytest.mark.parametrize(("body", "status"), MALFORMED)
def test_malformed_bodies(tmp_path: Path, federated: Federated, body: bytes, status: int) -> None:
    async def test(harness: BrokerHarness, bank: Partner, _ngo: Partner) -> None:
        before = harness.row_counts("nonces")
        for target in ("/v1/matches", "/v1/agreements", "/v1/tokens"):
            assert_problem(await bank.send("POST", target, body), status)
        answer = await bank.send("POST", f"/v1/matches/{'0' * 32}/receipt", body)
        assert_problem(answer, 404 if answer.status_code == 404 else status)
        assert_problem(await bank.send("PUT", "/v1/datasets/accounts/2", body), status)
        assert_problem(await harness.client.post("/v1/enrolments", content=body, headers=JSON), status)
        assert_problem(await harness.client.post("/v1/witness/cosignatures", content=body, headers=JSON), status)
        assert harness.row_counts("nonces") == before

    federated(tmp_path, test)


def test_statements_signed_by_others_are_refused(tmp_path: Path, federated: Federated) -> None:
    async def test(harness: BrokerHarness, bank: Partner, ngo: Partner) -> None:
        request = match_request(bank, ngo)
        # The NGO sends the bank's statement as its own, and one that it signed in the bank's name.
        forged = match_request(Partner(**{**vars(bank), "key": ngo.key}), ngo)
        for partner, envelope in ((ngo, request.envelope), (bank, forged.envelope)):
            assert_problem(await partner.post("/v1/matches", StatementBody(envelope=envelope)), 422)
        own_as_other = match_request(Partner(**{**vars(bank), "key": ngo.key}), ngo)
        assert_problem(await ngo.post("/v1/matches", StatementBody(envelope=own_as_other.envelope)), 422)
        assert_problem(await ngo.post("/v1/agreements", AgreementBody(envelope=request.envelope)), 422)
        assert harness.row_counts()["matches"] == 0

    federated(tmp_path, test)


async def _raw(harness: BrokerHarness, method: str, path: str, headers: list[tuple[str, str]]) -> httpx2.Response:
    return await harness.client.request(method, path, headers=headers)


def test_requests_that_readers_could_understand_differently(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
            assert_problem(await _raw(harness, "GET", "/v1/inbox", twice), 400)
            signed = [("signature", "a"), ("signature", "b")]
            assert_problem(await _raw(harness, "GET", "/v1/catalogue", signed), 400)
            assert_problem(await _raw(harness, "GET", "/healthz", [("host", "elsewhere.example")]), 421)
            assert_problem(await _raw(harness, "POST", "/v1/matches", [("content-length", "99999999999")]), 413)
            assert_problem(await _raw(harness, "POST", "/v1/matches", [("content-length", "-1")]), 400)
            assert_problem(await _raw(harness, "POST", "/v1/matches", [("content-type", "text/plain")]), 415)
            gzip = [("content-type", "application/json"), ("content-encoding", "gzip")]
            assert_problem(await _raw(harness, "POST", "/v1/matches", gzip), 415)
            assert_problem(await _raw(harness, "GET", "/nowhere", []), 404)
            assert_problem(await _raw(harness, "DELETE", "/v1/broker", []), 405)
            assert_problem(await _raw(harness, "GET", "/v1/witness/next?old=-1", []), 422)
            assert_problem(await _raw(harness, "GET", "/v1/witness/next?old=x", []), 422)
            assert_problem(await _raw(harness, "GET", "/v1/inbox", []), 401)
            assert_problem(await _raw(harness, "GET", "/v1/inbox", [("authorization", "Bearer e30.e30")]), 401)
            for path in (
                "..%2f..%2fconfig.toml",
                "tile/0/../../keys.sealed",
                ".checkpoint.tmp",
                "tile/64/000",
                "tile/0/0",
            ):
                assert_problem(await _raw(harness, "GET", f"/log/{path}", []), 404)

    asyncio.run(run())


def test_a_body_without_a_length_is_still_limited(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:

            async def endless() -> object:
                for _ in range(64):
                    yield b"a" * 65536

            answer = await harness.client.post("/v1/witness/cosignatures", content=endless(), headers=JSON)  # type: ignore[arg-type]  # an async generator
            assert_problem(answer, 413)

    asyncio.run(run())


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, receive_seconds=0.05) as harness:
            sent: list[dict[str, object]] = []

            async def receive() -> dict[str, object]:
                await asyncio.sleep(3600)
                return {}

            async def send(message: dict[str, object]) -> None:
                sent.append(message)

            scope = {
                "type": "http",
                "method": "POST",
                "path": "/v1/matches",
                "raw_path": b"/v1/matches",
                "query_string": b"",
                "headers": [(b"host", b"broker.test"), (b"content-type", b"application/json")],
                "http_version": "1.1",
                "scheme": "http",
            }
            async with asyncio.timeout(30):
                await harness.app(scope, receive, send)  # type: ignore[arg-type]  # plain dicts are ASGI messages
            assert sent[0]["status"] == 408

    asyncio.run(run())


def test_a_failure_is_a_problem_without_details(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:

            @harness.app.get("/fails")
            async def fails() -> None:
                raise ValueError("+447700900123")

            answer = await harness.client.get("/fails")
            assert_problem(answer, 500)
            assert "900123" not in answer.text

    asyncio.run(run())


def test_a_partner_that_waits_for_approval_is_told_so_and_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank = await harness.partner("first-bank", PartnerKind.BANK, approve=False)
            for target in ("/v1/catalogue", "/v1/partners", f"/v1/partners/{bank.name}"):
                answer = await bank.get(target)
                assert_problem(answer, 403)
                assert answer.json()["type"] == "urn:tacita:problem:not-approved"

    asyncio.run(run())
