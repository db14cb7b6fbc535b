"""Who may do what at the local API: the table is the whole truth, and the manual says the same."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import Message

from tacita_node.access.gate import Gate
from tacita_node.access.roles import OPEN, TABLE, Role, Route
from tacita_node.app import create_app, routes_of
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

MANUAL = Path(__file__).parents[3] / "docs" / "operating.md"


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock) as one:
        yield one


def application(node: SingleNode) -> FastAPI:
    """The application behind the gate."""
    gate = create_app(node.services)
    assert isinstance(gate, Gate)
    assert isinstance(gate._app, FastAPI)
    return gate._app


def address(template: str) -> str:
    """A well-formed address of a route; nothing exists under it."""
    names = {"{name}": "nothing", "{partner}": "nobody", "{agreement}": "0" * 32, "{source}": "0" * 32, "{line}": "1"}
    return re.sub(r"\{[a-z]+\}", lambda found: names.get(found[0], found[0]), template)


async def test_the_table_names_exactly_the_routes_of_the_application(node: SingleNode) -> None:
    assert set(routes_of(application(node))) == set(TABLE) | OPEN


def test_every_role_opens_something_and_every_route_is_open_to_a_role() -> None:
    assert all(roles for roles in TABLE.values())
    assert {role for roles in TABLE.values() for role in roles} == set(Role)


@pytest.mark.parametrize("role", Role)
async def test_a_token_opens_the_routes_of_its_role_and_no_other(node: SingleNode, role: Role) -> None:
    token = (await node.services.tokens.issue(role)).secret
    for (method, template), roles in TABLE.items():
        path = re.sub(r"\{match\}", "0" * 32, address(template))
        answer = await node.client.request(method, path, headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code != 403) == (role in roles), (method, template, answer.text)


async def test_roles_add_up(node: SingleNode) -> None:
    token = (await node.services.tokens.issue(Role.AUDITOR, Role.APPROVER)).secret
    headers = {"authorization": f"Bearer {token}"}
    sign, order = f"/v1/agreements/{'0' * 32}/sign", "/v1/matches"
    assert (await node.client.post(sign, headers=headers)).status_code == 404
    assert (await node.client.post(order, headers=headers)).status_code == 403


async def test_a_refusal_comes_before_any_look(node: SingleNode) -> None:
    """What exists and what does not are refused alike, and the body is not even read."""
    await node.client.post(
        "/v1/datasets/callers/imports?kind=phone",
        content=b"phone\n+442079460018\n",
        headers={"content-type": "text/csv"},
    )
    token = (await node.services.tokens.issue(Role.AUDITOR)).secret
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    answers = [
        await node.client.post(f"/v1/datasets/{name}/publish", content=body, headers=headers)
        for name, body in (("callers", b"{}"), ("nothing", b"{}"), ("Not a name", b"not json"), ("x", b"a" * 70_000))
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(403, answers[0].text)}
    assert answers[0].json()["type"] == "urn:tacita:problem:not-permitted"


async def test_a_route_that_is_not_in_the_table_is_refused_to_everybody(node: SingleNode) -> None:
    async def reached(*_: object) -> None:
        raise AssertionError("the application saw the request")

    new: Route = ("GET", "/v1/everything")
    limits = node.services.settings.limits
    gate = Gate(
        reached,
        routes=[new],
        holder=node.services.tokens.holder,
        allowed_hosts=(),
        limits=limits,
        clock=lambda: 0.0,
    )
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the body was read")

    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {node.token}".encode())]
    await gate({"type": "http", "method": new[0], "path": new[1], "headers": headers}, receive, send)
    assert sent[0]["status"] == 403


async def test_another_method_and_another_path(node: SingleNode) -> None:
    other = await node.client.delete("/v1/datasets")
    assert (other.status_code, other.headers["allow"]) == (405, "GET")
    assert (await node.client.get("/v1/datasets/")).status_code == 404
    assert (await node.client.get("/v1//datasets")).status_code == 404


def test_the_manual_shows_the_table() -> None:
    rows = dict(re.findall(r"^\| `([A-Z]+ /[^`]*)` \| (.*) \|$", MANUAL.read_text("utf-8"), re.MULTILINE))
    expected = {
        f"{method} {path}": " | ".join("yes" if role in roles else "" for role in Role)
        for (method, path), roles in TABLE.items()
    }
    assert {route: " | ".join(cell.strip() for cell in row.split("|")) for route, row in rows.items()} == expected
