"""Files on their way into a node: pieces, interruptions, the same file again, a look before, what a crash leaves."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import httpx2
import numpy as np
import pytest
from sqlalchemy import func, select

from tacita_node.config import Limits
from tacita_node.data.imports import ImportOrder
from tacita_node.data.tables import CustodyRow, DatasetRow, RecordRow, RejectRow, SourceRow
from tacita_node.data.uploads import SOURCE_BLOBS
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_node.workers import ThreadWorkers, unnoticed
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.token import tokenise
from tacita_protocol.psi.engine import Task
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.identifiers import phones
from tests.support.interruption import Interrupted, interrupted_after
from tests.support.single_node import SingleNode, TestClock, opened, prepared, running

pytestmark = pytest.mark.anyio

CSV = {"content-type": "text/csv"}
OCTETS = {"content-type": "application/octet-stream"}
SMALL_PIECES = Limits(upload_piece_bytes=100, uploads=2, import_bytes=5_000)
ORDER = ImportOrder("suspects", Kind.PHONE, "phone", "GB")


def clock_and_broker() -> tuple[TestClock, BrokerSimulator]:
    clock = TestClock()
    return clock, BrokerSimulator(clock)


def csv_of(values: list[str]) -> bytes:
    return "\n".join(["name,phone", *(f"x,{value}" for value in values)]).encode()


async def counts(services: NodeServices) -> dict[str, int]:
    tables = (DatasetRow, SourceRow, RecordRow, RejectRow, CustodyRow)
    async with services.database.read() as session:
        return {
            table.__tablename__: await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
        }


async def begin(node: SingleNode, data: bytes) -> dict[str, object]:
    order = {"digest": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    answer = await node.client.post("/v1/uploads", json=order)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def put(node: SingleNode, upload: object, number: int, piece: bytes) -> httpx2.Response:
    return await node.client.put(f"/v1/uploads/{upload}/pieces/{number}", content=piece, headers=OCTETS)


async def order(node: SingleNode, query: str, *, content: bytes | None = None) -> httpx2.Response:
    headers = {} if content is None else CSV
    return await node.client.post(f"/v1/datasets/suspects/imports?{query}", content=content, headers=headers)


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_file_in_pieces_is_the_file_and_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=SMALL_PIECES) as node:
        data = csv_of(phones(30))
        pieces = [data[start : start + 100] for start in range(0, len(data), 100)]
        state = await begin(node, data)
        assert (state["pieces"], state["here"]) == (len(pieces), 0)
        upload = state["upload"]
        assert code(await put(node, upload, 1, pieces[1])) == (409, "not-the-next-piece")
        assert code(await put(node, upload, 0, pieces[0][:-1])) == (422, "piece-length")
        for number in (0, 1, 0):
            assert (await put(node, upload, number, pieces[number])).status_code == 200
        query = f"kind=phone&column=phone&upload={upload}"
        assert code(await order(node, query)) == (409, "upload-incomplete")
        assert (await begin(node, data))["here"] == 2  # the connection was lost, and the command is run again
        for number in range(2, len(pieces)):
            await put(node, upload, number, pieces[number])
        answer = await order(node, query)
        report = answer.json()
        assert (report["outcome"], report["accepted"], report["rows"]) == ("imported", 30, 30)
        assert (report["column"], report["delimiter"]) == (2, "comma")


async def test_what_arrived_must_be_what_was_announced(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=SMALL_PIECES) as node:
        data = csv_of(phones(3))
        state = await begin(node, data)
        await put(node, state["upload"], 0, data.replace(b"000001", b"000009"))
        answer = await order(node, f"kind=phone&column=phone&upload={state['upload']}")
        assert code(answer) == (409, "upload-differs")
        assert await node.services.blobs.names(SOURCE_BLOBS) == []
        assert (await begin(node, data))["here"] == 0
        assert (await counts(node.services))["datasets"] == 0


async def test_uploads_have_limits_and_the_one_that_waited_longest_makes_room(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=SMALL_PIECES) as node:
        too_large = {"digest": "00" * 32, "bytes": 5_001}
        assert code(await node.client.post("/v1/uploads", json=too_large)) == (413, "source-too-large")
        assert code(await put(node, "ab" * 32, 0, b"x")) == (404, "no-such-upload")
        assert (await put(node, "ab" * 32, 0, b"x" * 101)).status_code == 413
        files = [csv_of(phones(10, start=start)) for start in (0, 10, 20)]
        states = [await begin(node, data) for data in files[:2]]
        for state, data in zip(states, files, strict=False):
            await put(node, state["upload"], 0, data[:100])
        await begin(node, files[2])
        assert code(await put(node, states[0]["upload"], 1, files[0][100:])) == (404, "no-such-upload")
        assert await node.services.blobs.names(SOURCE_BLOBS) == [f"{states[1]['upload']}.000000"]


async def test_a_file_that_is_read_or_was_imported_keeps_its_pieces_whatever_size_is_announced(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=SMALL_PIECES) as node:
        data, other = csv_of(phones(10)), csv_of(phones(30, start=10))
        uploads = node.services.datasets.uploads
        upload = await uploads.whole(data)
        pieces = await node.services.blobs.names(SOURCE_BLOBS)
        longer = {"digest": upload.digest.hex(), "bytes": len(data) + 200}
        with uploads.held(upload):  # as by an import that reads it
            assert code(await node.client.post("/v1/uploads", json=longer)) == (409, "another-size")
            for number in range(3):  # as many as make room
                await begin(node, other[number:])
        assert b"".join(uploads.read(upload)) == data
        answer = await order(node, f"kind=phone&column=phone&upload={upload.name}")
        assert answer.json()["outcome"] == "imported"
        await begin(node, other)
        await begin(node, other[1:])  # it is not known any more, but recorded
        assert code(await node.client.post("/v1/uploads", json=longer)) == (409, "another-size")
        await node.services.datasets.forget_unrecorded()
        assert await node.services.blobs.names(SOURCE_BLOBS) == pieces


async def test_another_size_begins_a_file_anew_that_nobody_has_used(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=SMALL_PIECES) as node:
        data = csv_of(phones(20))
        mistaken = {"digest": hashlib.sha256(data).hexdigest(), "bytes": 50}
        state = (await node.client.post("/v1/uploads", json=mistaken)).json()
        await put(node, state["upload"], 0, b"x" * 50)
        assert (await begin(node, data))["here"] == 0


async def test_a_size_that_was_not_true_is_noticed(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=SMALL_PIECES) as node:
        data = csv_of(phones(10))
        upload = await node.services.datasets.uploads.whole(data)
        answer = await order(node, f"kind=phone&column=phone&upload={upload.name}")
        assert answer.json()["outcome"] == "imported"
        await begin(node, b"a")
        await begin(node, b"b")
        claimed = {"digest": hashlib.sha256(data).hexdigest(), "bytes": len(data) - 1}  # as many pieces as it has
        state = (await node.client.post("/v1/uploads", json=claimed)).json()
        answer = await node.client.post(f"/v1/datasets/others/imports?kind=phone&column=phone&upload={state['upload']}")
        assert code(answer) == (409, "upload-differs")


async def test_the_same_file_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        data = csv_of([*phones(5), "junk"])
        query = "kind=phone&column=phone&region=GB"
        first = (await order(node, query, content=data)).json()
        before, clock.now = await counts(node.services), clock.now + 60
        again = (await order(node, query, content=data)).json()
        assert again == first | {"outcome": "unchanged"}
        assert (await begin(node, data))["here"] == 1  # nothing has to be sent again either
        assert await counts(node.services) == before
        other = (await order(node, "kind=phone&column=phone&region=FR", content=data)).json()
        assert (other["outcome"], other["accepted"], other["duplicates"]) == ("imported", 0, 5)


async def test_a_dry_run_reports_the_same_and_keeps_nothing(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        query = "kind=phone&column=phone&region=GB"
        await order(node, query, content=csv_of(phones(5)))
        before, files = await counts(node.services), await node.services.blobs.names(SOURCE_BLOBS)
        data = csv_of([*phones(8), *phones(2), "junk"])
        dry = (await order(node, query + "&dry_run=true&rejects=1000", content=data)).json()
        assert (dry["outcome"], dry["source"]) == ("dry-run", None)
        assert (dry["accepted"], dry["duplicates"], dry["rejected"]) == (3, 7, 1)
        assert dry["rejects_preview"] == [{"line": 12, "reason": "not-a-number"}]
        assert await counts(node.services) == before
        assert await node.services.blobs.names(SOURCE_BLOBS) == files
        done = (await order(node, query, content=data)).json()
        assert done == dry | {"outcome": "imported", "source": done["source"]}


async def test_a_file_without_a_valid_line_makes_nothing(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        before = await counts(node.services)
        answer = (await order(node, "kind=account&column=phone", content=csv_of(phones(3)))).json()
        assert (answer["outcome"], answer["source"], answer["accepted"]) == ("nothing-valid", None, 0)
        assert [line["line"] for line in answer["rejects_preview"]] == [2, 3, 4]
        assert await counts(node.services) == before
        assert await node.services.blobs.names(SOURCE_BLOBS) == []
        assert (await node.client.get("/v1/datasets")).json()["datasets"] == []
        done = (await order(node, "kind=phone&column=phone", content=csv_of(phones(3)))).json()
        assert (done["outcome"], done["kind"]) == ("imported", "phone")


async def test_rejects_beyond_the_limit_are_counted_and_not_kept(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock, limits=Limits(import_rejects=3)) as node:
        data = csv_of([*phones(1), *("junk" for _ in range(7))])
        report = (await order(node, "kind=phone&column=phone&rejects=100", content=data)).json()
        assert (report["rejected"], report["rejects_kept"], report["accepted"]) == (7, 3, 1)
        assert [line["line"] for line in report["rejects_preview"]] == [3, 4, 5]
        kept = await node.client.get(f"/v1/datasets/suspects/rejects?source={report['source']}")
        assert kept.json()["rejects"] == report["rejects_preview"]


async def test_whoever_does_not_wait_joins_the_import_by_ordering_it_again(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        data = csv_of(phones(3_000))
        query = "kind=phone&column=phone&wait=0"
        first = await order(node, query, content=data)
        assert first.status_code == 202
        assert set(first.json()) == {"source", "bytes", "bytes_read", "rows", "rows_stored"}
        answer = await order(node, query.replace("wait=0", "wait=3600"), content=data)
        assert (answer.json()["outcome"], answer.json()["accepted"]) == ("imported", 3_000)
        assert answer.json()["source"] == first.json()["source"]
        assert (await counts(node.services))["sources"] == 1


@pytest.mark.parametrize("done", range(11))
async def test_a_crash_anywhere_leaves_nothing_or_everything(tmp_path: Path, done: int) -> None:
    """`done` statements of the import reach the database, and no other before the next start."""
    clock, broker = clock_and_broker()
    identity = await prepared(tmp_path, broker, clock=clock, partner="north-bank", kind=PartnerKind.BANK)
    data = csv_of([*phones(20), "junk"])
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        before = await counts(services)
        with interrupted_after(done), suppress(Interrupted):
            await services.datasets.import_source(data, ORDER)
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        seen = {state.name: state.records for state in await services.datasets.datasets()}
        if seen:
            assert seen == {"suspects": 20}
        else:
            with pytest.raises(ProblemError, match="no-such-dataset"):
                await services.datasets.latest_epoch("suspects")
        await services.datasets.drop_left_behind()
        found = await counts(services)
        assert found in (
            before,
            before | {"datasets": 1, "sources": 1, "records": 20, "rejects": 1, "custody_events": 1},
        )
        assert bool(seen) == (found != before)
        await services.datasets.import_source(data, ORDER)
        assert [state.records for state in await services.datasets.datasets()] == [20]
        assert (await services.datasets.latest_epoch("suspects")).tokens.shape == (20, 32)


async def test_the_next_epoch_opens_new_records_only(tmp_path: Path) -> None:
    """Records of the first epoch are spoilt on the disk: whoever opened one of them again would fail."""
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        datasets = node.services.datasets
        await datasets.import_source(csv_of(phones(50)), ORDER)
        first = await datasets.latest_epoch("suspects")
        async with node.services.database.write() as session:
            for record in await session.scalars(select(RecordRow)):
                record.sealed = b"spoilt"
        await datasets.import_source(csv_of(phones(60)), ORDER)
        second = await datasets.latest_epoch("suspects")
        assert np.array_equal(second.tokens[:50], first.tokens)
        assert np.array_equal(second.record_ids[:50], first.record_ids)
        expected = tokenise(Kind.PHONE, phones(10, start=50))
        assert sorted(map(bytes, second.tokens[50:])) == sorted(map(bytes, expected))
        assert (second.epoch, second.commitment != first.commitment) == (2, True)


@pytest.mark.parametrize(
    ("body", "query", "expected"),
    [
        (b"name;mobile\nx;07911 123456\ny;junk\n", "", ("semicolon", 2, "mobile", "phone", "GB", 2, 1)),
        (b"mobile\n+447911123456\n", "", ("comma", 1, "mobile", "phone", None, 1, 1)),
        (b"a,b\nx@example.org,GB33BUKB20201555555555\n", "kind=account", ("comma", 2, "b", "account", None, 1, 1)),
        (b"a,b\nx@example.org,GB33BUKB20201555555555\n", "", ("comma", 1, "a", "email", None, 1, 1)),
        (b"a\n06 12 34 56 78\n", "kind=phone&region=FR", ("comma", 1, "a", "phone", "FR", 1, 1)),
        (b"a,b\nx,y\n", "", ("comma", None, None, None, None, 0, 0)),
    ],
)
async def test_a_preview_guesses_what_is_not_stated_and_keeps_nothing(
    tmp_path: Path, body: bytes, query: str, expected: tuple[object, ...]
) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        answer = await node.client.post(f"/v1/previews?whole=true&{query}", content=body, headers=CSV)
        assert answer.status_code == 200, answer.text
        seen = answer.json()
        names = ("delimiter", "column", "heading", "kind", "region", "tried", "valid")
        assert tuple(seen[name] for name in names) == expected
        assert await node.services.blobs.names(SOURCE_BLOBS) == []
        cut = await node.client.post(f"/v1/previews?{query}", content=body + b'x,"y', headers=CSV)
        assert cut.status_code == 200, cut.text  # the file goes on after what was shown of it


async def test_a_preview_says_what_becomes_of_each_line_and_refuses_what_is_no_csv(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        answer = await node.client.post("/v1/previews?whole=true", content=csv_of(["07911 123456", "1"]), headers=CSV)
        assert answer.json()["lines"] == [
            {"line": 2, "text": "07911 123456", "canonical": "+447911123456", "reason": None},
            {"line": 3, "text": "1", "canonical": None, "reason": "not-a-number"},
        ]
        answer = await node.client.post("/v1/previews?whole=true", content=b"a\n\xff\n", headers=CSV)
        assert code(answer) == (422, "source-not-utf8")


class HeldWorkers:
    """Workers that do nothing before they are let go."""

    def __init__(self) -> None:
        self.asked, self.go = anyio.Event(), anyio.Event()

    async def run(self, tasks: Sequence[Task], done: Callable[[int], None] = unnoticed) -> list[object]:
        self.asked.set()
        await self.go.wait()
        return await ThreadWorkers().run(tasks, done)


async def test_one_preview_at_a_time_is_made(tmp_path: Path) -> None:
    clock, broker = clock_and_broker()
    async with running(tmp_path, broker, clock=clock) as node:
        workers = node.services.pool = HeldWorkers()
        answers = []

        async def ask() -> None:
            answers.append(await node.client.post("/v1/previews?whole=true", content=csv_of(phones(1)), headers=CSV))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await workers.asked.wait()
            await ask()
            workers.go.set()
        await ask()
        assert [answer.status_code for answer in answers] == [429, 200, 200]
        assert answers[0].json()["type"] == "urn:tacita:problem:preview-under-way"
        assert answers[0].headers["retry-after"] == "1"
