"""What a kind means to the node: every kind can be imported, and a record may have several tokens."""

from pathlib import Path

import numpy as np
import pytest

from tacita_node.data.epochs import Epochs
from tacita_node.data.service import DatasetService
from tacita_node.problems import ProblemError
from tacita_node.workers import ThreadWorkers
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.tokeniser import Tokeniser
from tacita_protocol.psi.buckets import padded_count
from tests.support.broker_simulator import BrokerSimulator
from tests.support.identifiers import phones
from tests.support.single_node import SingleNode, TestClock, running
from tests.support.threshold_kind import ROWS, ThresholdTokeniser

pytestmark = pytest.mark.anyio


def epochs_with(node: SingleNode, clock: TestClock, tokeniser: Tokeniser) -> Epochs:
    """The node's epochs as they would be under another tokeniser for phones."""
    return Epochs(
        node.services.database,
        cipher=node.services.cipher,
        blobs=node.services.blobs,
        workers=ThreadWorkers(),
        commitment_key=bytes(32),
        clock=clock,
        tokenisers=lambda _: tokeniser,
    )


class LaterRules(ThresholdTokeniser):
    """Rules of a later version."""

    version = "phone/9999"


async def test_an_epoch_keeps_whose_tokens_it_holds(tmp_path: Path) -> None:
    clock = TestClock()
    broker = BrokerSimulator(clock)
    async with running(tmp_path, broker, clock=clock) as node:
        await imported(node, "kind=phone", ["phone", "junk", *phones(20)])
        epochs = epochs_with(node, clock, ThresholdTokeniser(needed=5))
        prepared = await epochs.latest("suspects")
        loaded = await epochs.load("suspects", 1)
        assert prepared.tokens.shape == (20 * ROWS, 32)
        assert prepared.padded_size == padded_count(20 * ROWS)
        assert np.array_equal(loaded.tokens, prepared.tokens)
        assert np.array_equal(loaded.record_ids, np.repeat(prepared.record_ids[::ROWS], ROWS))

        rows = np.concatenate([np.arange(5) + 2 * ROWS, np.arange(4) + 7 * ROWS, np.arange(5) + 19 * ROWS + 7])
        hit = epochs.records_hit(loaded, rows.astype(np.int64))
        assert hit.tolist() == [loaded.record_ids[2 * ROWS], loaded.record_ids[19 * ROWS]]
        service: DatasetService = node.services.datasets
        found = [one.value for one in await service.describe_records(loaded, hit)]
        whole = ThresholdTokeniser().tokenise(found).tokens
        assert np.array_equal(whole, np.concatenate([loaded.tokens[2 * ROWS : 3 * ROWS], loaded.tokens[19 * ROWS :]]))


async def test_canonical_forms_of_other_rules_are_not_matched(tmp_path: Path) -> None:
    clock = TestClock()
    async with running(tmp_path, BrokerSimulator(clock), clock=clock) as node:
        await imported(node, "kind=phone", ["phone", *phones(3)])
        with pytest.raises(ProblemError, match="normaliser-changed"):
            await epochs_with(node, clock, LaterRules()).latest("suspects")


async def imported(node: SingleNode, query: str, lines: list[str]) -> dict[str, object]:
    answer = await node.client.post(
        f"/v1/datasets/suspects/imports?{query}",
        content="\n".join(lines).encode(),
        headers={"content-type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


EXAMPLES = {
    Kind.PHONE: ("+44 7911 123456", "not a number"),
    Kind.ACCOUNT: ("DE89 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
    Kind.EMAIL: ("Anna.Example@Example.ORG", "anna at example.org"),
    Kind.COMPANY: ("LEI 5299000000EXAMPLE055", "5299000000EXAMPLE056"),
    Kind.DOMAIN: ("https://shop.example.co.uk/contact", "co.uk"),
    Kind.HANDLE: ("https://t.me/some_name", "@some_name"),
    Kind.WALLET: ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    Kind.FILE: ("sha256:" + "ab" * 31 + "CD", "d41d8cd98f00b204e9800998ecf8427e"),
}


@pytest.mark.parametrize("kind", Kind)
async def test_every_kind_is_imported_and_refused_by_reason(tmp_path: Path, kind: Kind) -> None:
    clock = TestClock()
    good, bad = EXAMPLES[kind]
    async with running(tmp_path, BrokerSimulator(clock), clock=clock) as node:
        report = await imported(node, f"kind={kind}", ["heading", good, bad])
        assert (report["accepted"], report["rejected"]) == (1, 1)
        snapshot = await node.services.datasets.latest_epoch("suspects")
        assert (snapshot.kind, snapshot.tokens.shape) == (kind, (1, 32))
        found = await node.services.datasets.describe_records(snapshot, snapshot.record_ids)
        assert [hit.value for hit in found] == [good]
