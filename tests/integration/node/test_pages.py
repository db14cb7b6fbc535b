"""Long lists of the local API in pages: nothing is left out and nothing shown twice, and a cursor is checked."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tacita_node.data.imports import ImportOrder
from tacita_node.data.service import Publication
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import unverified
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tests.support.agreeing_pair import Pair
from tests.support.single_node import SingleNode

pytestmark = pytest.mark.anyio


async def pages(node: SingleNode, path: str, key: str, *, limit: int) -> AsyncIterator[list[dict[str, Any]]]:
    after: str | None = None
    while True:
        query = {"limit": str(limit)} | ({} if after is None else {"after": after})
        answer = await node.client.get(httpx2.URL(path).copy_merge_params(query))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body[key]
        after = body["next"]
        if after is None:
            return


async def test_agreements_of_one_second_are_all_shown_once(pair: Pair) -> None:
    await pair.confirm()
    made = [unverified(Agreement, await pair.propose()).agreement for _ in range(5)]
    found = [page async for page in pages(pair.bank, "/v1/agreements", "agreements", limit=2)]
    assert [len(page) for page in found] == [2, 2, 1]
    assert sorted(one["agreement"] for page in found for one in page) == sorted(made)


async def test_the_catalogue_is_shown_by_owner_and_name(pair: Pair) -> None:
    for name in ("callers", "accounts", "agencies"):
        data = b"value\n+442079460018\n"
        datasets = pair.ngo.services.datasets
        await datasets.import_source(data, ImportOrder(name, Kind.PHONE, "value", "GB", None))
        await datasets.publish(name, Publication(Sensitivity.ORDINARY, (PartnerKind.BANK,), ()))
    found = [page async for page in pages(pair.bank, "/v1/catalogue", "datasets", limit=1)]
    assert [[one["dataset"] for one in page] for page in found] == [["accounts"], ["agencies"], ["callers"]]


async def test_rejected_lines_are_shown_in_order(pair: Pair) -> None:
    data = "\n".join(["value", *("junk" if line % 3 else f"+4479110000{line:02}" for line in range(2, 12))]).encode()
    order = ImportOrder("callers", Kind.PHONE, "value", "GB", None)
    source = (await pair.bank.services.datasets.import_source(data, order)).source
    path = f"/v1/datasets/callers/rejects?source={source}"
    found = [page async for page in pages(pair.bank, path, "rejects", limit=3)]
    assert [[one["line"] for one in page] for page in found] == [[2, 4, 5], [7, 8, 10], [11]]
    assert (await pair.bank.client.get(f"{path}&limit=10001")).status_code == 422
    wrong = await pair.bank.client.get(f"{path}&after=a-b")
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:tacita:problem:no-cursor")


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("/v1/agreements", "harbour-ngo/callers"),
        ("/v1/agreements", "x-0"),
        ("/v1/agreements", "9" * 20 + "-0"),
        ("/v1/catalogue", "1-0"),
        ("/v1/catalogue", "a/b/c"),
    ],
)
async def test_what_is_no_cursor_is_refused(pair: Pair, path: str, after: str) -> None:
    answer = await pair.bank.client.get(path, params={"after": after})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tacita:problem:no-cursor")


@pytest.mark.parametrize("limit", ["0", "-1", "100000", "many"])
async def test_the_length_of_a_page_is_bounded(pair: Pair, limit: str) -> None:
    assert (await pair.bank.client.get("/v1/agreements", params={"limit": limit})).status_code == 422
