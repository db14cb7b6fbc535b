"""The node's OpenAPI document: every route of the table of roles and nothing else, valid, behind a token."""

from collections.abc import AsyncIterator

import pytest

from tacita_node.access.roles import OPEN, TABLE
from tests.support.broker_simulator import BrokerSimulator
from tests.support.openapi import check_document, operations
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock) as one:
        yield one


async def test_the_document_is_valid_and_complete(node: SingleNode) -> None:
    check_document((await node.client.get("/openapi.json")).json())


async def test_it_describes_exactly_the_routes_and_who_needs_a_token(node: SingleNode) -> None:
    described = operations((await node.client.get("/openapi.json")).json())
    assert {operation.route for operation in described} == set(TABLE) | OPEN
    assert {operation.route for operation in described if not operation.body["security"]} == OPEN


async def test_it_needs_a_token_and_has_no_pages_beside_it(node: SingleNode) -> None:
    assert (await node.client.get("/openapi.json", headers={"authorization": ""})).status_code == 401
    for path in ("/docs", "/redoc"):
        assert (await node.client.get(path)).status_code == 404
