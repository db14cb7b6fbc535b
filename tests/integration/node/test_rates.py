"""How often a token, and an address without one, may ask a node."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tacita_node.access.roles import Role
from tacita_node.config import Limits
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

SLOW = 0.001
"""Requests a second: none comes back within a test."""


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    limits = Limits(token_per_second=SLOW, token_burst=3, stranger_per_second=SLOW, stranger_burst=4)
    async with running(tmp_path, BrokerSimulator(clock), clock=clock, limits=limits) as one:
        yield one


def assert_limited(answer: httpx2.Response) -> None:
    """Told to come back later, in a problem document."""
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:tacita:problem:too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 1 / SLOW


async def test_each_token_has_its_own_rate(node: SingleNode) -> None:
    for path in ("/v1/datasets", "/nothing", "/v1/agreements"):
        assert (await node.client.get(path)).status_code != 429
    assert_limited(await node.client.get("/v1/datasets"))
    other = (await node.services.tokens.issue(Role.AUDITOR)).secret
    assert (await node.client.get("/v1/datasets", headers={"authorization": f"Bearer {other}"})).status_code == 200


async def test_strangers_are_limited_and_do_not_shut_out_who_has_a_token(node: SingleNode) -> None:
    """A page in a browser on the same machine can flood the node, but not lock its user out."""
    for path, headers, status in (
        ("/healthz", {}, 200),
        ("/v1/datasets", {}, 401),
        ("/v1/datasets", {"host": "evil.example"}, 421),
        ("/v1/datasets", {"authorization": "Bearer " + "A" * 43}, 401),
    ):
        answer = await node.client.get(path, headers={"authorization": "", **headers})
        assert answer.status_code == status
    for path in ("/healthz", "/v1/datasets"):
        assert_limited(await node.client.get(path, headers={"authorization": ""}))
    assert (await node.client.get("/v1/datasets")).status_code == 200


async def test_readers_leave_the_nodes_matches_their_part_of_the_broker(tmp_path: Path) -> None:
    """What the node asks the broker for counts against all that this partner may ask there, whoever reads it."""
    clock = TestClock()
    limits = Limits(relayed_per_second=SLOW, relayed_burst=5)
    async with running(tmp_path, BrokerSimulator(clock), clock=clock, limits=limits) as node:
        other = {"authorization": f"Bearer {(await node.services.tokens.issue(Role.AUDITOR)).secret}"}
        for path in ("/v1/node", "/v1/doctor", "/v1/catalogue", "/v1/partners"):
            assert (await node.client.get(path)).status_code == 200
        assert (await node.client.get("/v1/node", headers=other)).status_code == 200
        for path in ("/v1/node", "/v1/doctor", "/v1/catalogue", "/v1/partners"):
            assert_limited(await node.client.get(path, headers=other))
        assert (await node.client.get("/v1/datasets", headers=other)).status_code == 200
