"""How often a partner and an address may ask the broker, and whose requests count for whom."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_harness import URL, BrokerHarness, broker_at
from tests.support.broker_partner import Partner

pytestmark = pytest.mark.anyio

SLOW = 0.001
"""Requests a second: none comes back within a test."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[BrokerHarness]:
    async with broker_at(
        tmp_path,
        signed_per_second=SLOW,
        signed_burst=4,
        bearer_per_second=SLOW,
        bearer_burst=3,
        public_per_second=SLOW,
        public_burst=6,
    ) as harness:
        yield harness


def from_address(harness: BrokerHarness, address: str) -> httpx2.AsyncClient:
    """A client at another address."""
    transport = httpx2.ASGITransport(app=harness.app, client=(address, 1))
    return httpx2.AsyncClient(transport=transport, base_url=URL)


def assert_limited(answer: httpx2.Response) -> None:
    """Told to come back later, in a problem document."""
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:tacita:problem:too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 1 / SLOW


async def test_a_partner_that_asks_too_often_waits_and_others_do_not(harness: BrokerHarness) -> None:
    bank = await harness.partner("first-bank", PartnerKind.BANK)
    ngo = await harness.partner("safe-harbour", PartnerKind.NGO)
    for _ in range(4):
        assert (await bank.get("/v1/catalogue")).status_code == 200
    before = harness.row_counts()
    assert_limited(await bank.get("/v1/catalogue"))
    assert harness.row_counts() == before, "what is refused for its number writes nothing, not even a nonce"
    assert (await ngo.get("/v1/catalogue")).status_code == 200


async def test_bearer_tokens_have_a_rate_of_their_own(harness: BrokerHarness) -> None:
    bank = await harness.partner("first-bank", PartnerKind.BANK)
    for _ in range(3):
        assert (await bank.inbox()).status_code == 200
    assert_limited(await bank.inbox())
    assert (await bank.get("/v1/catalogue")).status_code == 200


async def test_what_is_nobodys_counts_for_its_address(harness: BrokerHarness) -> None:
    async with from_address(harness, "192.0.2.7") as stranger:
        asked = ("/v1/broker", "/healthz", "/nowhere", "/v1/inbox", "/v1/catalogue")
        for path in asked:
            assert (await stranger.get(path)).status_code != 429
        assert (await stranger.get("/v1/broker", headers={"host": "elsewhere.example"})).status_code == 421
        for path in asked:
            assert_limited(await stranger.get(path))
    async with from_address(harness, "192.0.2.8") as other:
        assert (await other.get("/v1/broker")).status_code == 200


async def test_a_partners_requests_do_not_count_for_its_address(harness: BrokerHarness) -> None:
    bank = await harness.partner("first-bank", PartnerKind.BANK)  # one public request: the enrolment
    for _ in range(3):
        assert (await bank.get("/v1/catalogue")).status_code == 200
        assert (await bank.inbox()).status_code == 200
    for _ in range(5):
        assert (await harness.client.get("/v1/broker")).status_code == 200
    assert_limited(await harness.client.get("/v1/broker"))


async def test_nobody_uses_up_a_partners_requests_in_its_name(harness: BrokerHarness) -> None:
    bank = await harness.partner("first-bank", PartnerKind.BANK)
    headers = bank.sign("GET", "/v1/catalogue")
    assert (await bank.send("GET", "/v1/catalogue", headers=headers)).status_code == 200
    thief = Partner(**{**vars(bank), "key": SigningKey.generate()})
    async with from_address(harness, "192.0.2.7") as elsewhere:
        for _ in range(3):
            thief.client = elsewhere
            assert (await thief.get("/v1/catalogue")).status_code == 401
            replayed = await elsewhere.get("/v1/catalogue", headers=headers)
            assert replayed.json()["type"] == "urn:tacita:problem:replayed"
        assert_limited(await elsewhere.get("/v1/catalogue", headers=headers))
    for _ in range(3):
        assert (await bank.get("/v1/catalogue")).status_code == 200


@pytest.mark.parametrize("behind_proxy", [True, False])
def test_only_behind_a_proxy_its_word_for_the_address_counts(tmp_path: Path, behind_proxy: bool) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, public_per_second=SLOW, public_burst=2, behind_proxy=behind_proxy) as harness:

            async def ask(forwarded: str) -> int:
                answer = await harness.client.get("/v1/broker", headers={"x-forwarded-for": forwarded})
                return answer.status_code

            # The first addresses are the client's own claim; the last one was written by the proxy.
            first = [await ask(f"198.51.100.{number}, 192.0.2.7") for number in range(3)]
            assert first == [200, 200, 429]
            assert await ask("192.0.2.7, 192.0.2.8") == (200 if behind_proxy else 429)

    asyncio.run(run())
