"""Names that are none, in every part of an address: paths that lead elsewhere, NUL, look-alikes.

No answer is a success or a failure of ours, none repeats the name, and nothing appears on the disk.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from tacita_node.app import create_app
from tacita_protocol.api import EnrolRequest
from tacita_protocol.crypto.dsse import sign
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.errors import SignatureInvalid
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import payload_of, payload_type
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.app_routes import AppRoute, routes_of
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_match import ScriptedMatch, federation, requested
from tests.support.broker_partner import JSON_TYPE, Partner, card_of
from tests.support.broker_simulator import BrokerSimulator
from tests.support.hostile_bodies import SEGMENTS, look_alikes
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

Scene = tuple[BrokerHarness, ScriptedMatch]


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with broker_at(tmp_path_factory.mktemp("broker")) as harness:
        bank, ngo = await federation(harness)
        match = await requested(harness, bank, ngo)
        await match.run_to_open()
        yield harness, match


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock) as one:
        yield one


def assert_unknown(answer: httpx2.Response, route: AppRoute, segment: str) -> None:
    """Said no, in a problem document that does not repeat the name."""
    assert 400 <= answer.status_code < 500, (str(route), answer.status_code)
    assert answer.headers["content-type"] == "application/problem+json", str(route)
    assert len(segment) < 3 or segment not in answer.text, str(route)
    assert "set-cookie" not in answer.headers


def named(app: FastAPI) -> list[AppRoute]:
    """The routes that have a name in their path."""
    found = [route for route in routes_of(app) if route.parameters]
    assert len(found) > 5
    return found


def files_below(root: Path) -> set[Path]:
    """What a request with a clever path could have made. (The log and its witnesses go on meanwhile.)"""
    return {path for path in root.rglob("*") if "log" not in path.relative_to(root).parts}


async def ask_broker(scene: Scene, route: AppRoute, values: dict[str, str]) -> httpx2.Response:
    """Asked by the requester of the match, signed, or for frames under its token."""
    harness, match = scene
    path = route.path(values)
    if "frames" in route.template:
        headers = {"authorization": f"Bearer {await match.requester.token(match.id)}"}
        content = None if route.method == "GET" else b"frame"
        return await harness.client.request(
            route.method, path, content=content, headers=headers | {"content-type": "application/octet-stream"}
        )
    body = b"" if route.method == "GET" else b'{"envelope":"x"}'
    # Signed as it travels: the client library may write an address in another way.
    request = harness.client.build_request(route.method, path, content=body)
    with suppress(SignatureInvalid):  # an address with broken escapes cannot be signed
        request.headers.update(match.requester.sign(route.method, request.url.raw_path.decode("ascii"), body))
    if body:
        request.headers["content-type"] = JSON_TYPE
    return await harness.client.send(request)


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS.keys())
async def test_no_address_of_a_broker_leads_elsewhere(broker: Scene, segment: str) -> None:
    harness, match = broker
    before, files = harness.row_counts("nonces"), files_below(harness.directory.path)
    honest = {"match": match.id, "partner": "safe-harbour", "name": "accounts", "epoch": "1", "direction": "requester"}
    honest |= {"seq": "0", "agreement": "0" * 32, "path": "checkpoint"}
    for route in named(harness.app):
        for parameter in route.parameters:
            answer = await ask_broker(broker, route, {**honest, parameter: segment})
            assert_unknown(answer, route, segment)
    assert harness.row_counts("nonces") == before
    assert files_below(harness.directory.path) == files


@pytest.mark.parametrize("segment", SEGMENTS.values(), ids=SEGMENTS.keys())
async def test_no_address_of_a_node_leads_elsewhere(node: SingleNode, segment: str) -> None:
    files = files_below(node.directory.root)
    app = create_app(node.services)._app  # type: ignore[attr-defined]  # behind the gate
    for route in named(app):
        for parameter in route.parameters:
            values = dict.fromkeys(route.parameters, "0" * 32) | {parameter: segment}
            answer = await node.client.request(route.method, route.path(values), content=b"")
            if answer.status_code != 503:  # matches do not run on this node: the gate let it pass, nothing more
                assert_unknown(answer, route, segment)
    assert files_below(node.directory.root) == files


@pytest.mark.parametrize("spelling", look_alikes("safe-harbour").values(), ids=look_alikes("safe-harbour").keys())
async def test_a_look_alike_is_not_the_partner(broker: Scene, spelling: str) -> None:
    harness, _ = broker
    route = AppRoute("GET", "/v1/partners/{partner}")
    assert (await ask_broker(broker, route, {"partner": "safe-harbour"})).status_code == 200
    answer = await ask_broker(broker, route, {"partner": spelling})
    assert answer.status_code in (404, 422)
    assert route in routes_of(harness.app)


@pytest.mark.parametrize("spelling", ["upper case", "with dashes", "with a space"])
async def test_another_spelling_is_not_the_match(broker: Scene, spelling: str) -> None:
    _, match = broker
    spelt = {"upper case": match.id.upper(), "with dashes": f"{match.id[:8]}-{match.id[8:]}"}
    route = AppRoute("GET", "/v1/matches/{match}")
    assert (await ask_broker(broker, route, {"match": match.id})).status_code == 200
    answer = await ask_broker(broker, route, {"match": spelt.get(spelling, f"{match.id}%20")})
    assert answer.status_code in (404, 422)


NAMES = (
    "safe-hаrbour",
    "ｓafe-harbour",
    "safe\u200b-harbour",
    "Safe-Harbour",
    "SAFE-HARBOUR",
    "safe-harbour.",
    "safe-harbour ",
    " safe-harbour",
    "safe_harbour",
    "safe–harbour",
    "safe-harbour\n",
    "safe-harbour\x00",
    "../safe-harbour",
    "-safe-harbour",
    "safe-harbour-",
    "xn--sfe-harbour-n2a/",
    "a" * 64,
    "",
)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_nobody_enrols_under_a_look_alike(broker: Scene, name: str) -> None:
    harness, _ = broker
    stranger = Partner.new("stranger", harness.client, harness.clock, harness.directory.settings())
    payload = payload_of(card_of(stranger, PartnerKind.NGO).body)
    renamed = payload.replace(b'"partner":"stranger"', b'"partner":' + canonical_json(name))
    assert renamed != payload
    card = sign(payload_type(PartnerCard), renamed, stranger.key).decode()
    invitation = await harness.services.enrolment.invite(PartnerKind.NGO)
    before = harness.row_counts("nonces")
    answer = await stranger.post("/v1/enrolments", EnrolRequest(invitation=invitation.code, card=card))
    assert answer.status_code == 422, answer.text
    assert harness.row_counts("nonces") == before
