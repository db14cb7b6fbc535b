"""The node client against answers of a node, a wrong service, and nothing at all."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tacita_sdk.errors import NodeProblem, NodeUnreachable, ResponseUntrusted, WaitExpired
from tacita_sdk.node import Node
from tacita_sdk.node_http import MAX_RESPONSE_BYTES

MATCH = "5e" * 16
IMPORTED: dict[str, object] = {
    "outcome": "imported",
    "dataset": "p",
    "kind": "phone",
    "source": "3f" * 16,
    "column": 1,
    "delimiter": "comma",
    "rows": 0,
    "accepted": 0,
    "duplicates": 0,
    "rejected": 0,
    "rejects_kept": 0,
    "rejects_preview": [],
}


def summary(state: str, *, hits: int | None = None, closed: bool = False) -> dict[str, object]:
    return {
        "match": MATCH,
        "role": "requester",
        "peer": "haven",
        "dataset": "accounts",
        "kind": "account",
        "mode": "intersection",
        "result_to": "requester",
        "state": state,
        "outcome": None,
        "reasons": [],
        "hits": hits,
        "started": 1,
        "ended": None,
        "closed": closed,
    }


@contextmanager
def node_answering(answer: Callable[[httpx2.Request], httpx2.Response]) -> Iterator[Node]:
    with Node("https://node.test", token="secret-token", transport=httpx2.MockTransport(answer)) as node:
        yield node


def test_every_request_carries_the_token() -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200, json={"matches": []})

    with node_answering(answer) as node:
        assert node.matches() == ()
    assert seen == ["Bearer secret-token"]


def test_taking_something_back_sends_its_name_and_nothing_else() -> None:
    asked: list[tuple[str, str, bytes]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.method, request.url.path, request.content))
        return httpx2.Response(200, json={"dataset": "phones", "delivered": False})

    with node_answering(answer) as node:
        assert not node.withdraw("phones").delivered
        with pytest.raises(ResponseUntrusted):
            node.distrust_partner("haven")
        with pytest.raises(ResponseUntrusted):
            node.revoke_agreement("5e" * 16)
    assert asked == [
        ("POST", "/v1/datasets/phones/withdraw", b""),
        ("POST", "/v1/partners/haven/distrust", b""),
        ("POST", f"/v1/agreements/{'5e' * 16}/revoke", b""),
    ]


def test_an_import_sends_what_was_said_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("phone\n")
    asked: list[dict[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/v1/datasets/p/imports":
            return httpx2.Response(200, json={"upload": "ab" * 32, "piece_bytes": 10, "pieces": 1, "here": 1})
        asked.append(dict(request.url.params))
        return httpx2.Response(200, json=IMPORTED)

    with node_answering(answer) as node:
        node.import_csv(tmp_path / "people.csv", dataset="p", kind="phone")
        node.import_csv(
            tmp_path / "people.csv", dataset="p", kind="phone", region="gb", delimiter="semicolon", dry_run=True
        )
    always = {"kind": "phone", "upload": "ab" * 32, "wait": "0.0", "rejects": "20"}
    assert asked == [always, always | {"region": "GB", "delimiter": "semicolon", "dry_run": "true"}]


def test_a_problem_document_becomes_its_code_and_sentence() -> None:
    problem = {
        "type": "urn:tacita:problem:source-no-column",
        "title": "Unprocessable",
        "status": 422,
        "detail": "The file has no column of that name.",
    }

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(422, content=json.dumps(problem), headers={"content-type": "application/problem+json"})

    with node_answering(answer) as node, pytest.raises(NodeProblem, match="no column of that name") as caught:
        node.datasets()
    assert (caught.value.status, caught.value.code) == (422, "source-no-column")


@pytest.mark.parametrize(
    "body",
    [b"<html>a captive portal</html>", b"{}", b'{"matches": 7}', b'{"matches": [], "more": 1}', b""],
)
def test_an_answer_of_another_form_is_not_used(body: bytes) -> None:
    with node_answering(lambda _: httpx2.Response(200, content=body)) as node, pytest.raises(ResponseUntrusted):
        node.matches()


def test_an_endless_answer_is_cut_off() -> None:
    def flood() -> Iterator[bytes]:
        for _ in range(MAX_RESPONSE_BYTES // 2**20 + 2):
            yield bytes(2**20)

    with (
        node_answering(lambda _: httpx2.Response(200, content=flood())) as node,
        pytest.raises(ResponseUntrusted, match="larger than"),
    ):
        node.matches()


def test_a_node_that_is_not_there_is_named() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with node_answering(refuse) as node, pytest.raises(NodeUnreachable, match=r"https://node\.test"):
        node.status()


def test_wait_returns_the_hits_only_when_they_are_released() -> None:
    states = iter([summary("matching"), summary("closing"), summary("closed", hits=1, closed=True)])

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/hits"):
            hit = {"source": "0a" * 16, "line": 7, "value": "GB00"}
            return httpx2.Response(200, json={"match": MATCH, "hits": [hit], "notice": "May belong to a victim."})
        if request.method == "POST":
            return httpx2.Response(202, json=summary("new"))
        return httpx2.Response(200, json=next(states))

    with node_answering(answer) as node:
        match = node.match(dataset="accounts", with_="haven/accounts", purpose="p", basis="b", case="c")
        seen: list[str] = []
        result = match.wait(on_progress=lambda s: seen.append(s.state), sleep=lambda _: None)
    assert seen == ["matching", "closing", "closed"]
    assert [hit.line for hit in result.hits] == [7]


def test_wait_gives_up_and_says_that_the_match_goes_on() -> None:
    times = iter([0.0, 1.0, 6.0])

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=summary("matching"))

    with node_answering(answer) as node, pytest.raises(WaitExpired, match=f"tacita match show {MATCH}"):
        node.match(dataset="accounts", with_="haven/accounts", purpose="p", basis="b", case="c").wait(
            timeout=5, sleep=lambda _: None, clock=lambda: next(times)
        )


@pytest.mark.parametrize("state", ["denied", "refused", "aborted"])
def test_wait_for_the_closing_goes_on_after_the_end(state: str) -> None:
    states = iter([summary(state), summary(state), summary(state, closed=True)])

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=summary("new") if request.method == "POST" else next(states))

    with node_answering(answer) as node:
        match = node.match(dataset="accounts", with_="haven/accounts", purpose="p", basis="b", case="c")
        assert match.wait(closed=True, sleep=lambda _: None).summary.closed
    assert list(states) == []
