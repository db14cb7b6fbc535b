"""A thousand requests made from the broker's OpenAPI document: every answer is one that the document names."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from tacita_protocol.api import StatementBody
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.api_cases import ApiCases, Operation
from tests.support.broker_harness import URL, BrokerHarness, broker_at
from tests.support.broker_match import ScriptedMatch, federation, match_request, requested
from tests.support.broker_partner import JSON_TYPE

CASES = 1_000
MANY = 1_000_000


def test_every_answer_is_one_that_the_document_names(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        scene = broker_at(tmp_path, long_poll_seconds=0.01, signed_burst=MANY, bearer_burst=MANY)
        harness = runner.run(scene.__aenter__())
        try:
            match = runner.run(open_match(harness))
            bearer = runner.run(tokens(match))

            def send(request: httpx2.Request, operation: Operation) -> httpx2.Response:
                return runner.run(sent(match, bearer, request, operation))

            document = runner.run(harness.client.get("/openapi.json")).json()
            known = {"match": match.id, "partner": "safe-harbour", "name": "accounts", "path": "tile/0/000.p/1"}
            request = match_request(match.requester, match.responder)
            bodies = {
                ("POST", "/v1/matches"): (StatementBody(envelope=request.envelope).model_dump(),),
                ("POST", "/v1/matches/{match}/acceptance"): (envelope(match.acceptance),),
                ("POST", "/v1/matches/{match}/open"): (envelope(match.open),),
            }
            cases = ApiCases(document, URL, send, known, bodies)
            cases.run(CASES)
            assert {status // 100 for _, status in cases.statuses} == {2, 4}
            assert not harness.running.failed.is_set()
        finally:
            runner.run(scene.__aexit__(None, None, None))


def envelope(signed: Any) -> dict[str, Any]:
    """A body with a statement that was sent already."""
    return StatementBody(envelope=signed.envelope).model_dump()


async def open_match(harness: BrokerHarness) -> ScriptedMatch:
    """A match in which frames may be sent."""
    bank, ngo = await federation(harness)
    await harness.partner("second-bank", PartnerKind.BANK, approve=False)
    match = await requested(harness, bank, ngo)
    await match.run_to_open()
    await match.relay("requester", b"frame")
    return match


async def tokens(match: ScriptedMatch) -> dict[str, str]:
    """The requester's bearer tokens by the kind of route that they open."""
    return {"/v1/inbox": await match.requester.token(), "frames": await match.requester.token(match.id)}


async def sent(
    match: ScriptedMatch, bearer: dict[str, str], request: httpx2.Request, operation: Operation
) -> httpx2.Response:
    """Sends a request as the requester: signed after it was made, or under a bearer token."""
    security = [name for choice in operation.definition.raw["security"] for name in choice]
    if security == ["bearer"]:
        token = bearer.get(operation.path, bearer["frames"])
        request.headers["authorization"] = f"Bearer {token}"
    elif security == ["signature"]:
        target = request.url.raw_path.decode("ascii")
        signer = match.responder if operation.path.endswith("/acceptance") else match.requester
        request.headers.update(signer.sign(request.method, target, request.content))
        if request.method != "GET":
            request.headers["content-type"] = JSON_TYPE
    return await match.requester.client.send(request)
