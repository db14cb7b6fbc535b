"""An import is cancelled: nothing of it is left, unless its last transaction had begun, which then is not disturbed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tacita_node.access.roles import Role
from tacita_node.data.cancellation import CancelAsked
from tacita_node.data.imports import ImportOrder
from tacita_node.data.uploads import SOURCE_BLOBS
from tacita_node.problems import ProblemError
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.cancelled_imports import (
    DATA,
    ROWS,
    a_node,
    cancel_at_every_statement,
    counts,
    events,
    small_transactions,
)
from tests.support.interruption import Interrupted, interrupted_after
from tests.support.single_node import SingleNode, TestClock, opened, prepared, running
from tests.support.statements_seen import each_statement

pytestmark = pytest.mark.anyio

CSV = {"content-type": "text/csv"}
ORDER = ImportOrder("suspects", Kind.PHONE, "phone", "GB")
QUERY = "kind=phone&column=phone&region=GB"


@pytest.fixture(autouse=True)
def transactions() -> Iterator[None]:
    with small_transactions():
        yield


async def order(node: SingleNode, *more: str, data: bytes = DATA) -> httpx2.Response:
    query = "&".join([QUERY, *more])
    return await node.client.post(f"/v1/datasets/suspects/imports?{query}", content=data, headers=CSV)


async def cancel(node: SingleNode, source: str, **headers: str) -> httpx2.Response:
    return await node.client.post(f"/v1/imports/{source}/cancel", headers=headers or None)


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@asynccontextmanager
async def held(node: SingleNode) -> AsyncIterator[None]:
    """While the block runs, no import of this node can write."""
    async with node.services.database.write():
        yield


async def begun(node: SingleNode, *more: str, data: bytes = DATA) -> str:
    """The id of an import that nobody waits for."""
    answer = await order(node, *more, "wait=0", data=data)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["source"])


async def under_way(node: SingleNode) -> list[dict[str, object]]:
    return list((await node.client.get("/v1/imports")).json()["imports"])


async def until_asked(node: SingleNode, source: str) -> None:
    """Until the request to cancel that import has arrived."""
    for _ in range(6_000):
        [progress] = [job.progress for job in node.services.imports.under_way() if job.progress.source == source]
        if progress.cancellation.asked:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody asked to cancel this import")


async def test_a_cancelled_import_leaves_nothing_but_a_custody_event(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = await counts(node.services)
        async with held(node):
            source = await begun(node)
            [shown] = await under_way(node)
            assert (shown["source"], shown["dataset"], shown["kind"]) == (source, "suspects", "phone")
            assert (shown["state"], shown["dry_run"]) == ("running", False)
            waiting = asyncio.create_task(order(node, f"source={source}"))
            first = asyncio.create_task(cancel(node, source))
            await until_asked(node, source)
            second = asyncio.create_task(node.services.imports.cancel(source))
            await asyncio.sleep(0)  # it has asked, too
            assert [one["state"] for one in await under_way(node)] == ["cancelling"]
        answer = await first
        body = {"source": source, "dataset": "suspects", "dry_run": False}
        assert (answer.status_code, answer.json()) == (200, body)
        assert await second == ORDER
        assert await counts(node.services) == before
        assert (await node.services.blobs.names(SOURCE_BLOBS), await under_way(node)) == ([], [])
        details = {"dataset": "suspects", "source": source, "kind": "phone"}
        assert await events(node.services) == [("import-cancelled", details)]
        assert code(await waiting) == (409, "import-cancelled")
        assert code(await cancel(node, source)) == (409, "import-cancelled")


async def test_who_waits_by_its_id_is_told_and_the_order_without_it_begins_anew(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        async with held(node):
            source = await begun(node)
            cancelling = asyncio.create_task(cancel(node, source))
            await until_asked(node, source)
            again = await begun(node)
            assert again != source  # what is being taken back is not joined
        assert (await cancelling).status_code == 200
        assert code(await order(node, f"source={source}")) == (409, "import-cancelled")
        done = await order(node, f"source={again}")
        assert (done.json()["outcome"], done.json()["source"], done.json()["accepted"]) == ("imported", again, ROWS)
        assert [kind for kind, _ in await events(node.services)] == ["import-cancelled", "source-imported"]
        other = await order(node, f"source={'0' * 32}")  # an id that this node does not know is no reason to refuse
        assert (other.json()["outcome"], other.json()["source"]) == ("unchanged", again)


async def test_one_that_waits_is_cancelled_at_once_and_the_one_before_it_goes_on(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        async with held(node):
            first = await begun(node)
            second = await begun(node, "dry_run=true")
            assert [one["state"] for one in await under_way(node)] == ["running", "waiting"]
            answer = await cancel(node, second)  # of a dry run there is nothing to write down
            assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
            assert [one["source"] for one in await under_way(node)] == [first]
        done = await order(node, f"source={first}")
        assert (done.json()["outcome"], done.json()["accepted"]) == ("imported", ROWS)
        assert [kind for kind, _ in await events(node.services)] == ["source-imported"]


async def test_of_two_imports_of_one_file_the_other_still_has_it(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        async with held(node):
            first = await begun(node)
            path = f"/v1/datasets/others/imports?{QUERY}&wait=0"
            second = (await node.client.post(path, content=DATA, headers=CSV)).json()["source"]
            cancelling = asyncio.create_task(cancel(node, first))
            await until_asked(node, first)
        assert (await cancelling).status_code == 200
        path = f"/v1/datasets/others/imports?{QUERY}&source={second}"
        assert (await node.client.post(path)).json()["accepted"] == ROWS
        assert [one["dataset"] for one in (await node.client.get("/v1/datasets")).json()["datasets"]] == ["others"]


async def test_what_is_absent_over_or_not_permitted_is_not_cancelled(tmp_path: Path) -> None:
    clock = TestClock()
    broker = BrokerSimulator(clock)
    async with running(tmp_path, broker, clock=clock) as node:
        auditor = {"authorization": f"Bearer {(await node.services.tokens.issue(Role.AUDITOR, Role.ADMIN)).secret}"}
        assert code(await cancel(node, "0" * 32)) == (404, "no-such-import")
        assert code(await cancel(node, "suspects")) == (422, "invalid-request")
        async with held(node):
            source = await begun(node)
            refused = [await cancel(node, one, **auditor) for one in (source, "0" * 32, "suspects")]
            assert [code(answer) for answer in refused] == [(403, "not-permitted")] * 3
            assert len({answer.content for answer in refused}) == 1  # it says nothing about what there is
            assert [one["state"] for one in await under_way(node)] == ["running"]
        assert (await order(node, f"source={source}")).json()["accepted"] == ROWS
        assert code(await cancel(node, source)) == (409, "import-over")
        assert (await node.client.get("/v1/datasets")).json()["datasets"][0]["records"] == ROWS
        identity = node.services.identity
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        with pytest.raises(ProblemError, match="409 import-over"):
            await services.imports.cancel(source)


async def test_a_cancel_at_any_statement_comes_wholly_before_the_last_transaction_or_too_late(tmp_path: Path) -> None:
    await cancel_at_every_statement(tmp_path)  # on a server: test_import_server.py


@pytest.mark.parametrize("done", range(4, 13, 2))
async def test_a_crash_in_the_middle_of_a_cancel_leaves_nothing(tmp_path: Path, done: int) -> None:
    """`done` statements of import and cancel reach the database, and no other before the next start."""
    clock = TestClock()
    broker = BrokerSimulator(clock)
    identity = await prepared(tmp_path, broker, clock=clock, partner="north-bank", kind=PartnerKind.BANK)
    asked: list[asyncio.Task[ImportOrder]] = []
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        before = await counts(services)

        def ask() -> None:
            [job] = services.imports.under_way()
            if job.progress.rows_stored and not asked:
                asked.append(asyncio.ensure_future(services.imports.cancel(job.progress.source)))

        upload = await services.datasets.uploads.whole(DATA)
        with each_statement(ask), interrupted_after(done), suppress(Interrupted, CancelAsked):
            await services.imports.run(upload, ORDER, wait=600)
        [answer] = await asyncio.gather(*asked, return_exceptions=True)
        told = answer == ORDER
        assert told or isinstance(answer, Interrupted)
        assert bool(await events(services)) == told
    async with opened(tmp_path, broker, identity, clock=clock) as services:
        await services.datasets.drop_left_behind()
        assert await counts(services) == before
        assert await services.blobs.names(SOURCE_BLOBS) == []
        assert (await services.datasets.import_source(DATA, ORDER)).accepted == ROWS
