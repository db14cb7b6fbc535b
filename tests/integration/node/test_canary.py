"""An identifier in every place of every request to a node: no answer, no error and no log line repeats it.

Hits are the one place where the local API shows identifiers; this node has found none.
"""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import structlog

from tacita_node import logs
from tacita_node.background import background
from tacita_node.config import Limits
from tacita_node.matching.jobs import run_jobs
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.match_federation import until
from tests.support.openapi import operations
from tests.support.planted import CANARIES, Planted, plant, recognised
from tests.support.single_node import SingleNode, TestClock, prepared, running

pytestmark = pytest.mark.anyio

BODIES: dict[str, Any] = {
    "AgreementDraft": {
        "with": "second-ngo",  # not confirmed: what is proposed is shown to those who sign it
        "terms": [
            {
                "owner": "second-ngo",
                "dataset": "reported",
                "kind": "phone",
                "modes": ["intersection"],
                "engines": ["ecdh"],
                "result_to": ["requester"],
                "purposes": ["payment-screening"],
                "legal_bases": ["gdpr-6-1-f"],
            }
        ],
        "units": 100,
        "period_days": 30,
        "valid_days": 30,
        "approved_by": ["desk-1"],
        "their_approvers": ["director-1"],
    },
    "Confirmation": {"fingerprint": "0" * 64},
    "MatchOrder": {
        "dataset": "callers",
        "with": "harbour-ngo/reported",
        "mode": "intersection",
        "result_to": "requester",
        "purpose": "payment-screening",
        "basis": "gdpr-6-1-f",
        "case": "case-1",
        "agreement": None,
    },
    "UploadOrder": {"digest": "0" * 64, "bytes": 1},
    "PublishOrder": {"sensitivity": "ordinary", "discoverable_by": ["ngo"], "jurisdictions": ["GB"]},
}
VALUES = {
    "name": "callers",
    "partner": "harbour-ngo",
    "agreement": "0" * 32,
    "match": "0" * 32,
    "kind": "phone",
    "source": "0" * 32,
    "line": "2",
    "upload": "0" * 64,
    "number": "0",
}
PREVIEW = ("POST", "/v1/previews")
"""Shows the user what stands in the file that the user sent."""


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    root = tmp_path_factory.mktemp("nodes")
    clock = TestClock()
    broker = BrokerSimulator(clock)
    ngo = await prepared(root / "ngo", broker, clock=clock, partner="harbour-ngo", kind=PartnerKind.NGO)
    limits = Limits(token_burst=1_000_000, stranger_burst=1_000_000, datasets=100_000)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(root / "bank", broker, clock=clock, limits=limits))
        await stack.enter_async_context(background(one.services, {"jobs": run_jobs}))
        await until(lambda: one.services.matches is not None)
        confirmation = {"fingerprint": fingerprint(ngo.card)}
        confirmed = await one.client.post("/v1/partners/harbour-ngo/confirm", json=confirmation)
        assert confirmed.status_code == 200, confirmed.text
        yield one


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the node logs, debugging included, as it leaves the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream, level=logging.DEBUG)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def send(node: SingleNode, planted: Planted) -> httpx2.Response:
    """With a token of every role."""
    request = node.client.build_request(
        planted.operation.method, planted.path, params=planted.query, content=planted.content
    )
    if planted.media is not None:
        request.headers["content-type"] = planted.media
    request.headers.update(planted.headers)
    return await node.client.send(request)


@pytest.mark.parametrize("kind", CANARIES)
async def test_no_answer_and_no_log_repeats_what_was_planted(node: SingleNode, log: io.StringIO, kind: Kind) -> None:
    document = (await node.client.get("/openapi.json")).json()
    count, accepted = 0, 0
    for operation in operations(document):
        [schema, *_] = [content["schema"] for content in operation.contents.values()] or [{}]
        body = BODIES.get(schema.get("$ref", "").rpartition("/")[2], "phone\n+442079460018\n")
        for planted in plant(operation, VALUES, body, CANARIES[kind]):
            answer = await send(node, planted)
            shown = operation.route == PREVIEW and planted.place.startswith("body") and answer.status_code == 200
            heads = [name + b": " + value for name, value in answer.headers.raw]
            said = b"\n".join([*heads, b"" if shown else answer.content])
            assert not recognised(kind).found_in(said), (operation.route, planted.place)
            assert answer.status_code < 500, (operation.route, planted.place, answer.text)
            count += 1
            accepted += answer.status_code < 300 and planted.place.startswith("body")
    assert count > 300
    assert accepted > 0, "where the canary fits, it was taken"
    assert not recognised(kind).found_in(log.getvalue().encode())
    assert not node.services.stop.is_set()
