"""The gate in front of the local API, and the errors behind it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from tacita_node.access.gate import Gate
from tacita_node.access.roles import Role
from tacita_node.access.tokens import Holder
from tacita_node.config import Limits
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

CANARY = "+447911123456"


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(
        tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock, limits=Limits(body_bytes=2_000)
    ) as one:
        yield one


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer " + "A" * 43,
        "Bearer " + "A" * 10_000,
        "Basic Zm9vOmJhcg==",
        "Bearer %" + "A" * 42,
        "Bearer {token} ",
        "Bearer {token}A",
        "Token {token}",
        "{token}",
    ],
)
async def test_wrong_tokens_are_refused(node: SingleNode, authorization: str | None) -> None:
    request = node.client.build_request("GET", "/v1/datasets")
    del request.headers["authorization"]
    if authorization is not None:
        request.headers["authorization"] = authorization.format(token=node.token)
    answer = await node.client.send(request)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:tacita:problem:token-needed")
    assert node.token not in answer.text


async def test_two_authorization_headers_are_refused(node: SingleNode) -> None:
    headers = [("authorization", f"Bearer {node.token}"), ("authorization", f"Bearer {node.token}")]
    request = node.client.build_request("GET", "/v1/datasets")
    request.headers = type(request.headers)([("host", "127.0.0.1"), *headers])
    assert (await node.client.send(request)).status_code == 401


@pytest.mark.parametrize("path", ["/v1/node", "/openapi.json", "/v1/partners", "/v1/matches", "/nothing", "/"])
async def test_nothing_but_healthz_is_open(node: SingleNode, path: str) -> None:
    answer = await node.client.get(path, headers={"authorization": ""})
    assert answer.status_code == 401


async def test_healthz_is_open(node: SingleNode) -> None:
    answer = await node.client.get("/healthz", headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8441", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8441", 200),
        ("evil.example:8441", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1:8441@evil.example", 421),
        ("localhost:", 421),
        ("", 421),
        ("127.0.0.1, evil.example", 421),
        ("2130706433", 421),
    ],
)
async def test_the_host_must_be_ours(node: SingleNode, host: str, status: int) -> None:
    for path in ("/v1/datasets", "/healthz"):
        assert (await node.client.get(path, headers={"host": host})).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", f"/v1/{CANARY}", None, 404, "not-found"),
        ("DELETE", "/v1/datasets", None, 405, "method-not-allowed"),
        ("POST", f"/v1/partners/{CANARY}/confirm", b'{"fingerprint":"x"}', 422, "invalid-request"),
        ("POST", "/v1/agreements", f'{{"{CANARY}":"{CANARY}"}}'.encode(), 422, "invalid-request"),
        ("POST", "/v1/agreements", f"{CANARY}".encode(), 422, "invalid-json"),
        ("POST", "/v1/agreements", b"\xff\xfe", 422, "invalid-json"),
        ("POST", "/v1/agreements", b"[" * 1_500, 422, "invalid-json"),
        (
            "POST",
            "/v1/datasets/x/publish",
            f'{{"sensitivity":"{CANARY}","discoverable_by":["ngo"]}}'.encode(),
            422,
            "invalid-request",
        ),
        ("POST", f"/v1/datasets/x/imports?kind={CANARY}", b"x", 422, "invalid-request"),
        ("POST", "/v1/datasets/x/imports?kind=phone", b"x", 415, "csv-needed"),
        ("POST", "/v1/agreements", b"x" * 2_001, 413, "too-large"),
        ("POST", "/v1/partners/x/confirm", b'{"fingerprint":"x","fingerprint":"x"}', 422, "invalid-json"),
        ("POST", "/v1/partners/x/confirm", b'{"fingerprint":9007199254740993}', 422, "invalid-json"),
    ],
)
async def test_errors_are_problems_that_repeat_nothing(
    node: SingleNode, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer = await node.client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["type"] == f"urn:tacita:problem:{code}"
    assert CANARY not in answer.text


async def refused_while_receiving(messages: list[Message], *, limits: Limits, declared: bytes | None = None) -> int:
    """The status of a request whose body comes as `messages` and then no further."""
    sent: list[Message] = []

    async def reached(*_: object) -> None:
        raise AssertionError("the application saw the request")

    async def holder(_token: str) -> Holder:
        return Holder("0" * 16, frozenset(Role))

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer x")]
    if declared is not None:
        headers.append((b"content-length", declared))
    route = ("POST", "/v1/agreements")
    scope = {"type": "http", "method": route[0], "path": route[1], "headers": headers}
    gate = Gate(reached, routes=[route], holder=holder, allowed_hosts=(), limits=limits, clock=lambda: 0.0)
    await gate(scope, receive, send)
    return int(sent[0]["status"])


def part(size: int, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "declared", "status"),
    [
        ([part(60), part(60)], None, 413),
        ([], b"101", 413),
        ([], b"-1", 413),
        ([], b"1e9", 413),
        ([part(1)], None, 408),
        ([part(1), {"type": "http.disconnect"}], None, 400),
    ],
)
async def test_bodies_are_bounded_in_size_and_time(
    messages: list[Message], declared: bytes | None, status: int
) -> None:
    limits = Limits(body_bytes=100, body_seconds=0.05)
    assert await refused_while_receiving(list(messages), limits=limits, declared=declared) == status
