"""Random requests, signed and unsigned: no answer of 500 and above, and nothing that is no problem document."""

import asyncio
import json
import random
from pathlib import Path

from tests.support.broker_harness import broker_at
from tests.support.broker_match import federation, requested
from tests.support.broker_partner import Partner

PATHS = (
    "/v1/broker",
    "/v1/enrolments",
    "/v1/partners/{}",
    "/v1/datasets/{}/{}",
    "/v1/catalogue",
    "/v1/agreements/{}",
    "/v1/matches/{}",
    "/v1/matches/{}/receipt",
    "/v1/matches/{}/frames/{}/{}",
    "/v1/inbox",
    "/v1/tokens",
    "/log/tile/{}/{}",
    "/v1/witness/next",
    "/v1/witness/cosignatures",
)
SEGMENTS = (
    "0",
    "1",
    "-1",
    "00",
    "9" * 30,
    "x",
    "a" * 300,
    "%00",
    "%ff",
    "%2e%2e",
    "requester",
    "accounts",
    "1e5",
    "٣",
    "🙂",
)
QUERIES = ("", "?", "?old=0", "?old=9999999999999999999999", "?wait=0&after=x", "?a=%ff&a=2", "?old=0&old=1")
HEADERS = (
    ("authorization", "Bearer x.y"),
    ("authorization", "Basic eA=="),
    ("signature", "tacita=:AAAA:"),
    ("signature-input", 'tacita=("@method");keyid="first-bank"'),
    ("content-digest", "sha-256=:AAAA:"),
    ("content-type", "application/json; charset=utf-7"),
    ("expect", "nonsense"),
)
COUNT = 600


def _json(chance: random.Random, depth: int = 0) -> object:
    kinds = [None, True, -1, 2**60, "text", "￿", 1.5] + ([] if depth > 3 else [list, dict])
    kind = chance.choice(kinds)
    names = ("envelope", "invitation", "card", "scope", "match", "size", "line", "x")
    if kind is list:
        return [_json(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind is dict:
        return {chance.choice(names): _json(chance, depth + 1) for _ in range(chance.randrange(4))}
    return kind


def test_random_requests_never_break_the_broker(tmp_path: Path) -> None:
    async def run() -> None:
        chance = random.Random(20_26)
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            segments = (*SEGMENTS, match.id)
            for _ in range(COUNT):
                path = chance.choice(PATHS)
                path = path.format(*(chance.choice(segments) for _ in range(path.count("{}")))) + chance.choice(QUERIES)
                body = chance.choice((b"", chance.randbytes(50), json.dumps(_json(chance)).encode()))
                await _send(chance, bank, path, body)
            assert (await harness.client.get("/healthz")).status_code == 200
            assert not harness.running.failed.is_set()

    asyncio.run(run())


async def _send(chance: random.Random, bank: Partner, path: str, body: bytes) -> None:
    method = chance.choice(("GET", "POST", "PUT", "DELETE", "PATCH"))
    request = bank.client.build_request(method, path, content=b"" if method == "GET" else body)
    if chance.random() < 0.6:
        target = request.url.raw_path.decode("ascii")
        headers = bank.sign(method, target, request.content)
        request.headers.update({**headers, **({} if method == "GET" else {"content-type": "application/json"})})
    for name, value in chance.sample(HEADERS, chance.randrange(3)):
        if chance.random() < 0.3:
            request.headers[name] = value
    answer = await bank.client.send(request)
    assert answer.status_code < 500, (method, path, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", (method, path)
