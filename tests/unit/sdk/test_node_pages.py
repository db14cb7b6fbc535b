"""Lists that come in pages: gathered or one page at a time, and never for ever."""

import asyncio

import httpx2
import pytest

from tacita_sdk.async_node import AsyncNode
from tacita_sdk.errors import ResponseUntrusted
from tacita_sdk.node import Node

ENTRY = {"owner": "haven", "kind": "phone", "epoch": 1, "padded_size": 64, "sensitivity": "ordinary"}
SOURCE = "3f" * 16
PAGES = {None: (["a", "b"], "haven/b"), "haven/b": (["c"], "haven/c"), "haven/c": ([], None)}


class Paged:
    """A catalogue in three pages; remembers which were asked for."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        after = request.url.params.get("after")
        self.asked.append(after)
        names, following = PAGES[after]
        return httpx2.Response(
            200, json={"datasets": [{**ENTRY, "dataset": name} for name in names], "next": following}
        )


def test_all_pages_are_gathered() -> None:
    paged = Paged()
    with Node("https://node.test", token="t", transport=httpx2.MockTransport(paged.answer)) as node:
        assert [entry.dataset for entry in node.catalogue()] == ["a", "b", "c"]
    assert paged.asked == [None, "haven/b", "haven/c"]


def test_a_page_is_asked_for_when_the_last_one_is_used_up() -> None:
    paged = Paged()
    with Node("https://node.test", token="t", transport=httpx2.MockTransport(paged.answer)) as node:
        entries = node.iter_catalogue()
        assert paged.asked == []
        assert [next(entries).dataset, next(entries).dataset] == ["a", "b"]
        assert paged.asked == [None]
        assert next(entries).dataset == "c"
        assert paged.asked == [None, "haven/b"]


def test_coroutines_see_the_same_pages() -> None:
    paged = Paged()

    async def scene() -> list[str]:
        async with AsyncNode("https://node.test", token="t", transport=httpx2.MockTransport(paged.answer)) as node:
            return [entry.dataset async for entry in node.iter_catalogue()]

    assert asyncio.run(scene()) == ["a", "b", "c"]
    assert paged.asked == [None, "haven/b", "haven/c"]


def test_rejected_lines_come_in_pages_of_one_source() -> None:
    pages = {None: ([2, 5], "5"), "5": ([7], None)}
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        after = request.url.params.get("after")
        asked.append((request.url.params["source"], after))
        lines, following = pages[after]
        rejects = [{"line": line, "reason": "invalid"} for line in lines]
        return httpx2.Response(200, json={"source": SOURCE, "rejects": rejects, "next": following})

    async def scene() -> tuple[list[int], list[int]]:
        async with AsyncNode("https://node.test", token="t", transport=httpx2.MockTransport(answer)) as node:
            gathered = await node.rejects("phones", source=SOURCE)
            return [one.line for one in gathered.rejects], [
                one.line async for one in node.iter_rejects("phones", source=SOURCE)
            ]

    with Node("https://node.test", token="t", transport=httpx2.MockTransport(answer)) as node:
        gathered = node.rejects("phones", source=SOURCE)
        assert ([one.line for one in gathered.rejects], gathered.next) == ([2, 5, 7], None)
        assert [one.line for one in node.iter_rejects("phones", source=SOURCE)] == [2, 5, 7]
    assert asyncio.run(scene()) == ([2, 5, 7], [2, 5, 7])
    assert asked == [(SOURCE, None), (SOURCE, "5")] * 4


def test_pages_that_lead_round_in_a_circle_end() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"matches": [], "next": "7-ab"})

    with (
        Node("https://node.test", token="t", transport=httpx2.MockTransport(answer)) as node,
        pytest.raises(ResponseUntrusted, match="circle"),
    ):
        node.matches()
