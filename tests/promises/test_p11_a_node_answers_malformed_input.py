"""A thousand requests made from the node's OpenAPI document: every answer is one that the document names."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2

from tacita_node.background import background
from tacita_node.config import Limits
from tacita_node.matching.jobs import run_jobs
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.api_cases import ApiCases, Operation
from tests.support.broker_simulator import BrokerSimulator
from tests.support.match_federation import until
from tests.support.single_node import SingleNode, TestClock, prepared, running

CASES = 1_000
LIMITS = Limits(token_burst=1_000_000, datasets=100_000)
DRAFT = {
    "with": "harbour-ngo",
    "terms": [
        {
            "owner": "harbour-ngo",
            "dataset": "reported",
            "kind": "phone",
            "purposes": ["payment-screening"],
            "legal_bases": ["gdpr-6-1-f"],
        }
    ],
    "approved_by": ["desk-1"],
    "their_approvers": ["director-1"],
}


def test_every_answer_is_one_that_the_document_names(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            node, known = runner.run(scene(tmp_path, stack))

            def send(request: httpx2.Request, _operation: Operation) -> httpx2.Response:
                request.headers["authorization"] = f"Bearer {node.token}"
                return runner.run(node.client.send(request))

            document = runner.run(node.client.get("/openapi.json")).json()
            bodies = {("POST", "/v1/agreements"): (DRAFT,)}
            cases = ApiCases(document, str(node.client.base_url), send, known, bodies)
            cases.run(CASES)
            assert {status // 100 for _, status in cases.statuses} == {2, 4}
            assert not node.services.stop.is_set()
        finally:
            runner.run(stack.aclose())


async def scene(root: Path, stack: AsyncExitStack) -> tuple[SingleNode, dict[str, str]]:
    """A node with a dataset, a confirmed partner and a proposed agreement, whose matches run; and their names."""
    clock = TestClock()
    broker = BrokerSimulator(clock)
    ngo = await prepared(root / "ngo", broker, clock=clock, partner="harbour-ngo", kind=PartnerKind.NGO)
    node = await stack.enter_async_context(running(root / "bank", broker, clock=clock, limits=LIMITS))
    await stack.enter_async_context(background(node.services, {"jobs": run_jobs}))
    await until(lambda: node.services.matches is not None)
    csv = {"content-type": "text/csv"}
    imported = await node.client.post(
        "/v1/datasets/callers/imports?kind=phone", content=b"phone\n+447911123456\n", headers=csv
    )
    assert imported.status_code == 200, imported.text
    confirmation = {"fingerprint": fingerprint(ngo.card)}
    confirmed = await node.client.post("/v1/partners/harbour-ngo/confirm", json=confirmation)
    assert confirmed.status_code == 200, confirmed.text
    proposed = await node.client.post("/v1/agreements", json=DRAFT)
    assert proposed.status_code == 200, proposed.text
    return node, {"name": "callers", "partner": "harbour-ngo", "agreement": proposed.json()["agreement"]}
