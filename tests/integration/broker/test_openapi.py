"""The broker's OpenAPI document: every route and nothing else, valid, and true about who may ask."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.app_routes import routes_of
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.openapi import Operation, check_document, operations

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrokerHarness]:
    async with broker_at(tmp_path_factory.mktemp("broker")) as harness:
        yield harness


async def document_of(harness: BrokerHarness) -> dict[str, Any]:
    """The document as anybody gets it."""
    answer = await harness.client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    assert isinstance(document, dict)
    return document


async def test_the_document_is_valid_and_complete(harness: BrokerHarness) -> None:
    check_document(await document_of(harness))


async def test_it_describes_exactly_the_routes(harness: BrokerHarness) -> None:
    described = {operation.route for operation in operations(await document_of(harness))}
    assert described == {(route.method, route.template.replace(":path", "")) for route in routes_of(harness.app)}


async def test_there_are_no_pages_beside_it(harness: BrokerHarness) -> None:
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert (await harness.client.get(path)).status_code == 404


async def test_what_needs_a_signature_or_a_token_refuses_whoever_has_none(harness: BrokerHarness) -> None:
    for operation in operations(await document_of(harness)):
        status = await ask_without(harness, operation)
        if operation.body["security"]:
            # An enrolment is signed by the key of the card in its body, which is read first.
            assert status == (422 if operation.path == "/v1/enrolments" else 401), operation.route
        else:
            assert status != 401, operation.route


async def ask_without(harness: BrokerHarness, operation: Operation) -> int:
    """The status of a well-formed address without signature or token."""
    values = {"match": "0" * 32, "agreement": "0" * 32, "partner": "nobody", "name": "nothing", "epoch": "1"}
    values |= {"direction": "requester", "seq": "0", "path": "tile/0/000"}
    media = next(iter(operation.contents), None)
    answer = await harness.client.request(
        operation.method,
        operation.path.format(**values),
        params={"old": "0"} if operation.path == "/v1/witness/next" else None,
        content=None if media is None else b"{}",
        headers={} if media is None else {"content-type": media},
    )
    assert answer.status_code in operation.responses, operation.route
    return answer.status_code
