"""Bodies that are no proper JSON, to every place that takes one: a problem document that repeats nothing, nothing kept.

What passes over a real socket (endless and compressed bodies, huge and slow headers) is in `test_transport.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_match import ScriptedMatch, federation, requested
from tests.support.broker_simulator import BrokerSimulator
from tests.support.hostile_bodies import CANARY, ENCODINGS, FORMS, JSON_BODIES
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

JSON = "application/json"
MIB = 1024 * 1024


@dataclass
class Scene:
    """A broker and a match that is asked for."""

    harness: BrokerHarness
    match: ScriptedMatch

    async def signed(self, method: str, target: str, body: bytes, content_type: str = JSON) -> httpx2.Response:
        """Sent by the requester, its signature good for these very bytes and this content type."""
        partner = self.match.requester
        parts = partner.parts(method, target, body)
        headers = partner.sign(method, target, body)
        if content_type != parts.content_type:
            headers["content-type"] = content_type
            return await self.harness.client.request(method, target, content=body, headers=headers)
        return await partner.send(method, target, body, headers=headers)

    async def open(self, target: str, body: bytes, **headers: str) -> httpx2.Response:
        """Sent by anybody."""
        fields = {"content-type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.harness.client.post(target, content=body, headers=fields)


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with broker_at(tmp_path_factory.mktemp("broker")) as harness:
        bank, ngo = await federation(harness)
        match = await requested(harness, bank, ngo)
        await match.granted()
        yield Scene(harness, match)


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock) as one:
        yield one


def assert_problem(answer: httpx2.Response, *statuses: int) -> None:
    """A problem document with one of these statuses that repeats nothing of the request."""
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].startswith("urn:tacita:problem:")
    assert CANARY not in answer.text


OPEN = ("/v1/enrolments", "/v1/witness/cosignatures")
"""The broker's two doors that take a body from anybody."""


def signed_doors(match: str) -> tuple[tuple[str, str], ...]:
    statements = tuple(("POST", f"/v1/matches/{match}/{what}") for what in ("acceptance", "refusal", "open", "receipt"))
    return (
        ("POST", "/v1/matches"),
        ("POST", "/v1/agreements"),
        ("POST", "/v1/tokens"),
        ("PUT", "/v1/datasets/accounts/2"),
        *statements,
    )


NODE_DOORS = (
    "/v1/agreements",
    "/v1/matches",
    "/v1/partners/harbour-ngo/confirm",
    "/v1/datasets/suspects/publish",
)


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES.keys())
async def test_a_broker_takes_no_improper_body(broker: Scene, body: bytes) -> None:
    before = broker.harness.row_counts("nonces")
    for target in OPEN:
        assert_problem(await broker.open(target, body), 413, 422)
    for method, target in signed_doors(broker.match.id):
        assert_problem(await broker.signed(method, target, body), 413, 422)
    assert broker.harness.row_counts("nonces") == before


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES.keys())
async def test_a_node_takes_no_improper_body(node: SingleNode, body: bytes) -> None:
    for target in NODE_DOORS:
        answer = await node.client.post(target, content=body, headers={"content-type": JSON})
        assert_problem(answer, 413, 422)


@pytest.mark.parametrize("content_type", FORMS.values(), ids=FORMS.keys())
async def test_a_broker_takes_json_under_its_own_name_only(broker: Scene, content_type: str) -> None:
    for target in OPEN:
        assert_problem(await broker.open(target, b"{}", content_type=content_type), 415)
    for method, target in signed_doors(broker.match.id):
        assert_problem(await broker.signed(method, target, b"{}", content_type), 415)


@pytest.mark.parametrize("content_type", FORMS.values(), ids=FORMS.keys())
async def test_a_node_takes_json_under_its_own_name_only(node: SingleNode, content_type: str) -> None:
    for target in NODE_DOORS:
        answer = await node.client.post(target, content=b"{}", headers={"content-type": content_type})
        assert_problem(answer, 415, 422)


MULTIPART = (
    b'--x\r\ncontent-disposition: form-data; name="envelope"; filename="../../etc/passwd"\r\n\r\n'
    + CANARY.encode()
    + b"\r\n--x--\r\n"
)


async def test_multipart_is_taken_nowhere(broker: Scene, node: SingleNode) -> None:
    form = FORMS["multipart"]
    for target in OPEN:
        assert_problem(await broker.open(target, MULTIPART, content_type=form), 415)
    for method, target in signed_doors(broker.match.id):
        assert_problem(await broker.signed(method, target, MULTIPART, form), 415)
    for target in (*NODE_DOORS, "/v1/datasets/suspects/imports?kind=phone"):
        answer = await node.client.post(target, content=MULTIPART, headers={"content-type": form})
        assert_problem(answer, 415, 422)


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_nothing_is_decompressed(broker: Scene, node: SingleNode, encoding: str) -> None:
    for target in OPEN:
        assert_problem(await broker.open(target, b"{}", content_encoding=encoding), 415)
    for target, content_type in ((NODE_DOORS[0], JSON), ("/v1/datasets/suspects/imports?kind=phone", "text/csv")):
        headers = {"content-type": content_type, "content-encoding": encoding}
        assert_problem(await node.client.post(target, content=b"{}", headers=headers), 415)


async def test_a_body_over_the_limit(broker: Scene, node: SingleNode) -> None:
    settings = broker.harness.services.settings
    body = b'{"envelope":"' + b"a" * settings.json_body_bytes + b'"}'
    for target in OPEN:
        assert_problem(await broker.open(target, body), 413)
    for method, target in signed_doors(broker.match.id):
        assert_problem(await broker.signed(method, target, body), 413)
    for target in NODE_DOORS:
        answer = await node.client.post(target, content=body, headers={"content-type": JSON})
        assert_problem(answer, 413)


@pytest.mark.parametrize("declared", ["-1", "+2", "1e3", "0x10", " ", "2, 2", "9" * 30, "2.0"])
async def test_a_content_length_that_is_no_number(broker: Scene, node: SingleNode, declared: str) -> None:
    assert_problem(await broker.open(OPEN[0], b"{}", content_length=declared), 400, 413)
    headers = {"content-type": JSON, "content-length": declared}
    assert_problem(await node.client.post(NODE_DOORS[0], content=b"{}", headers=headers), 400, 413)
