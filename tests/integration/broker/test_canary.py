"""An identifier in every place of every request to a broker: no answer, no error and no log line repeats it."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import structlog

from tacita_broker.observability import configure_logging
from tacita_protocol.api import StatementBody
from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import payload_type
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_match import ScriptedMatch, federation, match_request, requested
from tests.support.broker_partner import JSON_TYPE
from tests.support.openapi import operations
from tests.support.planted import CANARIES, Planted, plant, recognised

pytestmark = pytest.mark.anyio

MANY = 1_000_000
BODIES: dict[str, Any] = {
    "AgreementBody": {"envelope": "x"},
    "CosignatureBody": {"size": 1, "line": "x"},
    "EnrolRequest": {"invitation": "x", "card": "x"},
    "RotationBody": {"rotation": "x", "card": "x"},
    "StatementBody": {"envelope": "x"},
    "TokenRequest": {"scope": "frames", "match": "0" * 32},
}
POSITIONS = {("GET", "/v1/inbox"), ("GET", "/v1/revocations")}
"""Their answer repeats the number `after` that was asked for. A number of a phone is a number, too."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def match(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedMatch]:
    async with broker_at(
        tmp_path_factory.mktemp("broker"),
        long_poll_seconds=0.01,
        signed_burst=MANY,
        bearer_burst=MANY,
    ) as harness:
        bank, ngo = await federation(harness)
        match = await requested(harness, bank, ngo)
        await match.run_to_open()
        yield match


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the broker logs, everything included, as it leaves the process."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(logging.DEBUG)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


async def send(match: ScriptedMatch, planted: Planted) -> httpx2.Response:
    """As the requester of the match: signed, or under its bearer token."""
    client = match.requester.client
    security = [name for choice in planted.operation.body["security"] for name in choice]
    request = client.build_request(
        planted.operation.method, planted.path, params=planted.query, content=planted.content
    )
    if planted.media is not None:
        request.headers["content-type"] = planted.media
    if security == ["bearer"]:
        whose = None if planted.operation.path == "/v1/inbox" else match.id
        request.headers["authorization"] = f"Bearer {await match.requester.token(whose)}"
    if security == ["signature"]:
        target = request.url.raw_path.decode("ascii")
        request.headers.update(match.requester.sign(request.method, target, request.content))
        if request.method != "GET":
            request.headers["content-type"] = JSON_TYPE
    request.headers.update(planted.headers)
    return await client.send(request)


def assert_clean(answer: httpx2.Response, kind: Kind, place: str) -> None:
    """Nothing of the canary in the answer's headers and body."""
    said = b"\n".join([*(name + b": " + value for name, value in answer.headers.raw), answer.content])
    assert not recognised(kind).found_in(said), place
    assert answer.status_code < 500, place


async def document_of(harness: BrokerHarness) -> dict[str, Any]:
    """The OpenAPI document."""
    document = (await harness.client.get("/openapi.json")).json()
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("kind", CANARIES)
async def test_no_answer_and_no_log_repeats_what_was_planted(
    match: ScriptedMatch, log: io.StringIO, kind: Kind
) -> None:
    values = {"match": match.id, "agreement": "0" * 32, "partner": "safe-harbour", "name": "accounts", "epoch": "2"}
    values |= {"direction": "requester", "seq": "0", "path": "tile/0/000", "after": "0", "wait": "0", "old": "0"}
    count = 0
    for operation in operations(await document_of(match.harness)):
        [schema] = [content["schema"] for content in operation.contents.values()] or [{}]
        body = BODIES.get(schema.get("$ref", "").rpartition("/")[2], "frame")
        for planted in plant(operation, values, body, CANARIES[kind]):
            answer = await send(match, planted)
            if planted.place != "query after" or operation.route not in POSITIONS:
                assert_clean(answer, kind, f"{operation.route} {planted.place}")
            count += 1
    assert count > 400
    assert not recognised(kind).found_in(log.getvalue().encode())
    assert not match.harness.running.failed.is_set()


@pytest.mark.parametrize("kind", CANARIES)
async def test_no_answer_and_no_log_repeats_what_a_statement_holds(
    match: ScriptedMatch, log: io.StringIO, kind: Kind
) -> None:
    honest = match_request(match.requester, match.responder).body.model_dump(mode="json")
    for name in (*honest, CANARIES[kind]):
        payload = canonical_json({**honest, name: CANARIES[kind]})
        envelope = dsse.sign(payload_type(MatchRequest), payload, match.requester.key).decode()
        answer = await match.requester.post("/v1/matches", StatementBody(envelope=envelope))
        assert 400 <= answer.status_code < 500, name
        assert_clean(answer, kind, name if name in honest else "a surplus field")
    assert not recognised(kind).found_in(log.getvalue().encode())
