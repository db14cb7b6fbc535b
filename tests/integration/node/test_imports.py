"""Importing, preparing and publishing over the local API: counts, rejects, all or nothing, and nothing in the clear."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select, text

from tacita_node.data.tables import CustodyRow, DatasetRow, EpochRow, RecordRow, RejectRow, SourceRow
from tacita_node.problems import ProblemError
from tacita_protocol.errors import DecryptionFailed
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.token import tokenise
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.statement import verify_statement
from tests.support.broker_simulator import BrokerSimulator
from tests.support.canary import Canaries
from tests.support.identifiers import accounts, phones
from tests.support.single_node import NOW, SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

CSV = {"content-type": "text/csv"}


def clock_and_broker() -> tuple[TestClock, BrokerSimulator]:
    clock = TestClock()
    return clock, BrokerSimulator(clock)


async def send(
    node: SingleNode,
    values: Iterable[str],
    *,
    dataset: str = "suspects",
    heading: str = "phone",
    query: str = "kind=phone",
) -> dict[str, object]:
    body = "\n".join([heading, *values]).encode()
    answer = await node.client.post(f"/v1/datasets/{dataset}/imports?{query}", content=body, headers=CSV)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def image_of(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def counts(node: SingleNode) -> dict[str, int]:
    tables = (DatasetRow, SourceRow, RecordRow, RejectRow, CustodyRow)
    async with node.services.database.read() as session:
        return {
            table.__tablename__: await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
        }


async def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        lines = ["x,+447911000001", "x,07911 000002", "x,+44 7911 000001", "x,not a number", "x,", "x,+447911000003"]
        query = "kind=phone&column=phone&region=GB"
        report = await send(node, lines, heading="name,phone", query=query)
        assert {key: report[key] for key in ("rows", "accepted", "duplicates", "rejected")} == {
            "rows": 6,
            "accepted": 3,
            "duplicates": 1,
            "rejected": 2,
        }
        answer = await node.client.get(f"/v1/datasets/suspects/rejects?source={report['source']}")
        assert [line["line"] for line in answer.json()["rejects"]] == [5, 6]
        assert answer.json()["rejects"] == report["rejects_preview"]
        again = await send(node, ["+447911000003", "+447911000004"])
        assert (again["accepted"], again["duplicates"]) == (1, 1)
        listed = (await node.client.get("/v1/datasets")).json()["datasets"]
        assert listed == [
            {"dataset": "suspects", "kind": "phone", "records": 4, "epoch": 0, "published": False, "sensitivity": None}
        ]


@pytest.mark.parametrize(
    ("body", "query", "status", "code"),
    [
        (b"phone\n", "kind=phone", 422, "source-empty"),
        (b"name,phone\nx,1\n", "kind=phone", 422, "source-column-needed"),
        (b"phone\n\xff\n", "kind=phone", 422, "source-not-utf8"),
        (b"phone\n1\n", "kind=telephone", 422, "invalid-request"),
        (b"phone\n1\n", "kind=phone&region=gb", 422, "invalid-request"),
        (b"phone\n1\n", "kind=phone&delimiter=pipe", 422, "invalid-request"),
    ],
)
async def test_a_bad_file_is_named_and_nothing_is_imported(
    tmp_path: Path, body: bytes, query: str, status: int, code: str
) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        before = await counts(node)
        answer = await node.client.post(f"/v1/datasets/suspects/imports?{query}", content=body, headers=CSV)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"urn:tacita:problem:{code}"
        assert await counts(node) == before
        assert await node.services.blobs.names("sources") == []


async def test_a_wrong_option_names_what_is_expected_and_not_what_came(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        query = "kind=telephone&region=%2B447911000001"
        answer = await node.client.post(f"/v1/datasets/suspects/imports?{query}", content=b"phone\n1\n", headers=CSV)
        detail = answer.json()["detail"]
        assert "query.kind (expected: 'phone', 'account', " in detail
        assert "query.region (expected form: ^[A-Z]{2}$)" in detail
        assert "telephone" not in detail
        assert "447911000001" not in detail


async def test_another_kind_is_refused(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, phones(3))
        answer = await node.client.post("/v1/datasets/suspects/imports?kind=account", content=b"iban\nx\n", headers=CSV)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:tacita:problem:kind-differs")


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE INSERT ON records WHEN NEW.line = 500",
        "BEFORE INSERT ON rejects",
        "BEFORE INSERT ON custody_events WHEN NEW.number > 0",
        "BEFORE UPDATE ON datasets WHEN NEW.revision > 1",
    ],
)
async def test_a_fault_in_the_middle_leaves_nothing(tmp_path: Path, trigger: str) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, phones(2))
        before, blobs = await counts(node), await node.services.blobs.names("sources")
        async with node.services.database.write() as session:
            await session.execute(text(f"CREATE TRIGGER fault {trigger} BEGIN SELECT RAISE(ABORT, 'fault'); END"))
        body = "\n".join(["phone", *phones(1_000, start=10), "rejected"]).encode()
        answer = await node.client.post("/v1/datasets/suspects/imports?kind=phone", content=body, headers=CSV)
        assert (answer.status_code, answer.json()["type"]) == (500, "urn:tacita:problem:internal")
        assert await counts(node) == before
        assert await node.services.blobs.names("sources") == blobs
        async with node.services.database.write() as session:
            await session.execute(text("DROP TRIGGER fault"))
        assert (await send(node, phones(1_000, start=10)))["accepted"] == 1_000


async def test_publishing_signs_a_card_once(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, phones(100))
        order = {"sensitivity": "financial", "discoverable_by": ["ngo"], "jurisdictions": []}
        broker.down = True
        answer = await node.client.post("/v1/datasets/suspects/publish", json=order)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:tacita:problem:broker-unreachable")
        assert await node.services.datasets.card("suspects") is None
        broker.down = False
        clock.now += 100
        report = (await node.client.post("/v1/datasets/suspects/publish", json=order)).json()
        assert report == {"dataset": "suspects", "epoch": 1, "padded_size": padded_count(100)}
        envelope = broker.datasets["north-bank", "suspects", 1]
        key = node.services.identity.keys.signing.verify_key
        card = verify_statement(DatasetCard, envelope, key)
        assert (card.body.issued, card.body.jurisdictions) == (NOW, ("GB",))  # the card stored before the failure
        await node.client.post("/v1/datasets/suspects/publish", json=order)
        assert len(broker.datasets) == 1
        await node.client.post("/v1/datasets/suspects/publish", json=order | {"discoverable_by": ["ngo", "bank"]})
        assert {epoch for _, _, epoch in broker.datasets} == {1, 2}
        second = verify_statement(DatasetCard, broker.datasets["north-bank", "suspects", 2], key)
        assert second.body.commitment != card.body.commitment


async def test_an_epoch_holds_the_tokens_and_leads_back_to_the_lines(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        report = await send(
            node, ["07911 000001", "junk", "07911-000002", "+447911000003"], query="kind=phone&region=GB"
        )
        service = node.services.datasets
        snapshot = await service.latest_epoch("suspects")
        canonical = {"07911 000001": "+447911000001", "07911-000002": "+447911000002", "+447911000003": "+447911000003"}
        assert (snapshot.epoch, snapshot.padded_size, len(snapshot.tokens)) == (1, 64, 3)
        found = await service.describe_records(snapshot, snapshot.record_ids[[2, 0, 1]])
        assert sorted((hit.source, hit.line, hit.value) for hit in found) == [
            (report["source"], line, value) for line, value in zip((2, 4, 5), canonical, strict=True)
        ]
        expected = tokenise(Kind.PHONE, [canonical[hit.value] for hit in found])
        assert np.array_equal(snapshot.tokens[[2, 0, 1]], expected)
        loaded = await service.latest_epoch("suspects")
        assert np.array_equal(loaded.tokens, snapshot.tokens)
        assert (loaded.commitment, loaded.record_ids.tolist()) == (snapshot.commitment, snapshot.record_ids.tolist())
        await send(node, ["+447911000001"])
        assert (await service.latest_epoch("suspects")).epoch == 1  # only duplicates: nothing changed
        await send(node, ["+447911000009"])
        assert ((await service.latest_epoch("suspects")).epoch, snapshot.tokens.shape) == (2, (3, 32))
        with pytest.raises(ValueError, match="read-only"):
            snapshot.tokens[0] = 0


async def test_records_and_epochs_cannot_be_exchanged_on_the_disk(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, phones(3))
        await send(node, phones(3), dataset="others")
        service = node.services.datasets
        snapshot = await service.latest_epoch("suspects")
        await service.latest_epoch("others")
        epochs = node.directory.blobs / "epochs"
        (epochs / "suspects.1").write_bytes((epochs / "others.1").read_bytes())
        with pytest.raises(DecryptionFailed):
            await service.latest_epoch("suspects")
        async with node.services.database.write() as session:
            await session.execute(
                text("UPDATE records SET sealed = (SELECT sealed FROM records WHERE id = 2) WHERE id = 1")
            )
        with pytest.raises(DecryptionFailed):
            await service.describe_records(snapshot, snapshot.record_ids[:1])


async def test_a_stolen_disk_shows_no_identifier_token_or_hash(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    numbers, ibans = phones(600), accounts(400)
    national = ["0" + number.removeprefix("+44") for number in numbers]
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, [*numbers, "+44 7911 999999 junk"])
        await send(node, numbers[:5])
        await send(node, ibans, dataset="book", heading="iban", query="kind=account")
        order = {"sensitivity": "financial", "discoverable_by": ["ngo"], "jurisdictions": []}
        await node.client.post("/v1/datasets/suspects/publish", json=order)
        await node.client.post("/v1/datasets/book/publish", json=order)
        snapshot = await node.services.datasets.latest_epoch("suspects")
        await node.services.datasets.describe_records(snapshot, snapshot.record_ids[:10])
        disk = image_of(tmp_path)  # with the write-ahead log still there
        assert {"node.db", "node.db-wal", "keys.sealed"} <= {Path(name).name for name in disk}
    images = [*disk.values(), *(name.encode() for name in disk), *image_of(tmp_path).values()]
    for canaries in (Canaries.of(Kind.PHONE, numbers, national), Canaries.of(Kind.ACCOUNT, ibans)):
        assert [offset for image in images for offset in canaries.found_in(image)] == []
    secrets = (node.services.identity.keys.storage, node.services.identity.keys.signing.seed, node.token.encode())
    assert not any(secret in image for image in images for secret in secrets)


async def test_two_publications_at_once_never_take_each_others_terms(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, phones(3))
        orders = [{"sensitivity": word, "discoverable_by": ["ngo"]} for word in ("ordinary", "possible-victim")]
        answers = await asyncio.gather(
            *(node.client.post("/v1/datasets/suspects/publish", json=order) for order in orders)
        )
        key = node.services.identity.keys.signing.verify_key
        said = [
            verify_statement(DatasetCard, broker.datasets["north-bank", "suspects", answer.json()["epoch"]], key).body
            for answer in answers
        ]
        assert [card.sensitivity.value for card in said] == ["ordinary", "possible-victim"]


async def test_ten_thousand_lines_are_one_import(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        report = await send(node, phones(10_000))
        assert report["accepted"] == 10_000
        snapshot = await node.services.datasets.latest_epoch("suspects")
        assert snapshot.tokens.shape == (10_000, 32)


async def test_unpublished_epochs_answer_nobody(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        await send(node, phones(3))
        await node.services.datasets.latest_epoch("suspects")
        with pytest.raises(ProblemError, match="no-such-epoch"):
            await node.services.datasets.published_epoch("suspects", 1)
        async with node.services.database.read() as session:
            assert await session.scalar(select(func.count()).select_from(EpochRow)) == 1
