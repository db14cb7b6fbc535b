"""Numbers of elements that no statement may declare, to the real broker. What then comes is in `test_lying_*`.

Points off the curve, the identity, duplicates and every other change of an engine's message: `support/hostile_points`,
tried on the engine in `tests/unit/protocol/psi/test_ecdh_hostile.py` and on two nodes in `test_lying_requester.py` and
`test_lying_responder.py`.
"""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tacita_protocol.api import StatementBody
from tacita_protocol.crypto.dsse import sign
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed, payload_of, payload_type
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_match import dataset_card, federation, match_request
from tests.support.broker_partner import Partner

pytestmark = pytest.mark.anyio

Scene = tuple[BrokerHarness, Partner, Partner]

COUNTS: dict[str, bytes] = {
    "zero": b"0",
    "one": b"1",
    "one less than the smallest bucket": b"63",
    "no bucket": b"100",
    "one more than a bucket": b"129",
    "the maximum and one": str(MAX_ELEMENTS + 1).encode(),
    "2^53": str(2**53).encode(),
    "negative": b"-64",
    "minus zero": b"-0",
    "a fraction": b"64.5",
    "a fraction that is none": b"64.0",
    "an exponent": b"64e0",
    "text": b'"64"',
    "true": b"true",
    "null": b"null",
    "a list": b"[64]",
}


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with broker_at(tmp_path_factory.mktemp("broker")) as harness:
        yield harness, *await federation(harness)


def declaring(signed: Signed[MatchRequest] | Signed[DatasetCard], field: str, count: bytes, partner: Partner) -> str:
    """The statement with this text in the count's place, signed by the partner's own key."""
    payload = payload_of(signed.body)
    honest = f'"{field}":{getattr(signed.body, field)}'.encode()
    assert honest in payload
    changed = payload.replace(honest, f'"{field}":'.encode() + count)
    return sign(payload_type(type(signed.body)), changed, partner.key).decode()


@pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS.keys())
async def test_a_request_cannot_declare(scene: Scene, count: bytes) -> None:
    harness, bank, ngo = scene
    envelope = declaring(match_request(bank, ngo), "padded_count", count, bank)
    before = harness.row_counts("nonces")
    assert_refused(await bank.post("/v1/matches", StatementBody(envelope=envelope)))
    assert harness.row_counts("nonces") == before


@pytest.mark.parametrize("count", COUNTS.values(), ids=COUNTS.keys())
async def test_a_dataset_cannot_have(scene: Scene, count: bytes) -> None:
    harness, _, ngo = scene
    envelope = declaring(dataset_card(ngo, epoch=2), "padded_size", count, ngo)
    before = harness.row_counts("nonces")
    assert_refused(await ngo.put("/v1/datasets/accounts/2", StatementBody(envelope=envelope)))
    assert harness.row_counts("nonces") == before


def assert_refused(answer: httpx2.Response) -> None:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
