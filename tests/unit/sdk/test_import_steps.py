"""Bringing a file into a node: only what is missing is sent, and a node that was started anew is sent it again."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tacita_sdk.async_node import AsyncNode
from tacita_sdk.errors import NodeProblem
from tacita_sdk.import_steps import PREVIEW_BYTES, ImportProgress
from tacita_sdk.node import Node
from tacita_sdk.node_api import ImportReport
from tests.unit.sdk.test_node_client import IMPORTED

DATA = b"phone\n+447911123456\n"
UPLOAD = "ab" * 32
SOURCE = "5e" * 16
RUNNING = {"source": SOURCE, "bytes": len(DATA), "bytes_read": len(DATA), "rows": 4, "rows_stored": 2}


def problem(status: int, code: str, detail: str) -> httpx2.Response:
    document = {"type": f"urn:tacita:problem:{code}", "title": "x", "status": status, "detail": detail}
    return httpx2.Response(status, json=document, headers={"content-type": "application/problem+json"})


class Uploading:
    """What a node answers to an upload in pieces of ten bytes, of which it has `here`; once it `forgets` all."""

    def __init__(self, *, here: int = 0, forgets: int = 0) -> None:
        self.pieces: list[tuple[str, bytes]] = []
        self.announced: list[object] = []
        self.orders: list[dict[str, str]] = []
        self.here = here
        self.forgets = forgets
        self.answers = [httpx2.Response(202, json=RUNNING), httpx2.Response(200, json=IMPORTED)]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/imports"):
            self.orders.append(dict(request.url.params))
            return self.answers.pop(0)
        if request.method == "POST":
            self.announced.append(json.loads(request.content))
        elif self.forgets:
            self.forgets, self.here = self.forgets - 1, 0
            return problem(404, "no-such-upload", "Begin again.")
        else:
            self.pieces.append((request.url.path, request.content))
            self.here += 1
        pieces = -(-len(DATA) // 10)
        return httpx2.Response(200, json={"upload": UPLOAD, "piece_bytes": 10, "pieces": pieces, "here": self.here})


def blocking(file: Path, node: Uploading, seen: Callable[[ImportProgress], None]) -> ImportReport:
    with Node("https://node.test", token="t", transport=httpx2.MockTransport(node)) as client:
        return client.import_csv(file, dataset="p", kind="phone", on_progress=seen)


def for_coroutines(file: Path, node: Uploading, seen: Callable[[ImportProgress], None]) -> ImportReport:
    async def scene() -> ImportReport:
        async with AsyncNode("https://node.test", token="t", transport=httpx2.MockTransport(node)) as client:
            return await client.import_csv(file, dataset="p", kind="phone", on_progress=seen)

    return asyncio.run(scene())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "phones.csv"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize("run", [blocking, for_coroutines])
def test_what_is_missing_is_sent_and_the_import_waited_for(
    file: Path, run: Callable[[Path, Uploading, Callable[[ImportProgress], None]], ImportReport]
) -> None:
    node, seen = Uploading(here=1), list[ImportProgress]()
    report = run(file, node, seen.append)
    assert report == ImportReport.model_validate(IMPORTED)
    assert node.announced == [{"digest": hashlib.sha256(DATA).hexdigest(), "bytes": len(DATA)}]
    assert node.pieces == [
        (f"/v1/uploads/{UPLOAD}/pieces/1", DATA[10:20]),
    ]
    assert seen == [
        ImportProgress("sending", 10, len(DATA)),
        ImportProgress("reading", 0, len(DATA)),
        ImportProgress("storing", 2, 4, 4, SOURCE),
    ]
    first, second = node.orders
    assert (first["wait"], first.get("source")) == ("0.0", None)  # its answer comes at once, and names the import
    assert (float(second["wait"]) > 0, second["source"]) == (True, SOURCE)


@pytest.mark.parametrize("run", [blocking, for_coroutines])
def test_an_import_that_somebody_cancelled_is_not_begun_anew(
    file: Path, run: Callable[[Path, Uploading, Callable[[ImportProgress], None]], ImportReport]
) -> None:
    node = Uploading()
    node.answers[1:] = [problem(409, "import-cancelled", "This import was cancelled.")]
    with pytest.raises(NodeProblem, match="was cancelled") as told:
        run(file, node, lambda _: None)
    assert (told.value.code, len(node.orders), len(node.announced)) == ("import-cancelled", 2, 1)


@pytest.mark.parametrize("run", [blocking, for_coroutines])
def test_a_node_that_forgot_the_file_is_sent_it_again(
    file: Path, run: Callable[[Path, Uploading, Callable[[ImportProgress], None]], ImportReport]
) -> None:
    node = Uploading(forgets=2)
    run(file, node, lambda _: None)
    assert b"".join(piece for _, piece in node.pieces) == DATA
    assert len(node.announced) == 3
    with pytest.raises(NodeProblem, match="Begin again"):
        run(file, Uploading(forgets=9), lambda _: None)


def test_a_preview_shows_the_beginning_only(tmp_path: Path) -> None:
    asked: list[tuple[dict[str, str], int]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append((dict(request.url.params), len(request.content)))
        seen = {"headings": ["x"], "delimiter": "comma", "column": None, "heading": None, "kind": None}
        return httpx2.Response(200, json={**seen, "region": None, "tried": 0, "valid": 0, "lines": []})

    with Node("https://node.test", token="t", transport=httpx2.MockTransport(answer)) as node:
        for size in (PREVIEW_BYTES, PREVIEW_BYTES + 1):
            (tmp_path / "file.csv").write_bytes(b"x" * size)
            node.preview_csv(tmp_path / "file.csv", region="gb")
    assert asked == [({"region": "GB", "whole": "true"}, PREVIEW_BYTES), ({"region": "GB"}, PREVIEW_BYTES)]
