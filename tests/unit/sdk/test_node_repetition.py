"""Which calls to a node are sent again, after which pause, and how often."""

from collections.abc import Callable

import httpx2
import pytest

from tacita_sdk.errors import NodeProblem, NodeUnreachable
from tacita_sdk.node import Node
from tacita_sdk.retry import RetryPolicy

POLICY = RetryPolicy(attempts=3, first_pause=0.1, longest_pause=10.0)
Outcome = int | tuple[int, str] | type[httpx2.TransportError]
"""A status, one with `Retry-After`, or how the transport fails."""


class Scripted:
    """Answers with the given outcomes, the last one for ever; remembers how often it was asked and the pauses."""

    def __init__(self, *outcomes: Outcome, code: str = "busy") -> None:
        self.outcomes = list(outcomes)
        self.code = code
        self.asked = 0
        self.pauses: list[float] = []
        self.node = Node(
            "https://node.test",
            token="t",
            transport=httpx2.MockTransport(self.answer),
            retry=POLICY,
            sleep=self.pauses.append,
        )

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        outcome = self.outcomes[min(self.asked, len(self.outcomes) - 1)]
        self.asked += 1
        if isinstance(outcome, type):
            raise outcome("broken", request=request)
        status, after = outcome if isinstance(outcome, tuple) else (outcome, None)
        if status == 200:
            body: dict[str, object] = {"datasets": []} if request.method == "GET" else {"partner": "haven"}
            return httpx2.Response(200, json=body)
        problem = {"type": f"urn:tacita:problem:{self.code}", "title": "No", "status": status, "detail": "Not now."}
        return httpx2.Response(status, json=problem, headers={} if after is None else {"retry-after": after})


def read(node: Node) -> object:
    return node.datasets()


def change(node: Node) -> object:
    return node.distrust_partner("haven")


@pytest.mark.parametrize(
    ("call", "first", "asked"),
    [
        (read, httpx2.ConnectError, 2),
        (read, httpx2.ReadTimeout, 2),
        (read, 429, 2),
        (read, 502, 2),
        (read, 503, 2),
        (read, 500, 1),
        (read, 403, 1),
        (change, httpx2.ConnectError, 2),
        (change, httpx2.ReadTimeout, 1),
        (change, httpx2.RemoteProtocolError, 1),
        (change, 429, 2),
        (change, 502, 1),
        (change, 503, 1),
        (change, 409, 1),
    ],
)
def test_only_what_is_safe_is_sent_again(call: Callable[[Node], object], first: Outcome, asked: int) -> None:
    service = Scripted(first, 200)
    if asked == 1:
        with pytest.raises((NodeProblem, NodeUnreachable)):
            call(service.node)
    else:
        call(service.node)
    assert service.asked == asked
    assert len(service.pauses) == asked - 1


@pytest.mark.parametrize("call", [read, change])
def test_it_gives_up_in_the_end(call: Callable[[Node], object]) -> None:
    service = Scripted(httpx2.ConnectError)
    with pytest.raises(NodeUnreachable):
        call(service.node)
    assert service.asked == POLICY.attempts


def test_a_pause_is_as_long_as_the_node_asks_for() -> None:
    service = Scripted((429, "7"), 200)
    read(service.node)
    (pause,) = service.pauses
    assert 7 <= pause <= POLICY.longest_pause


@pytest.mark.parametrize("after", ["11", "86400"])
def test_who_is_to_wait_longer_is_told_at_once(after: str) -> None:
    service = Scripted((429, after), 200)
    with pytest.raises(NodeProblem) as told:
        read(service.node)
    assert (service.asked, told.value.retry_after) == (1, int(after))


@pytest.mark.parametrize("after", ["soon", "-1", "9" * 40])
def test_a_retry_after_that_is_no_number_is_passed_over(after: str) -> None:
    service = Scripted((503, after), 200)
    read(service.node)
    assert service.asked == 2


def test_what_the_node_tried_in_vain_is_not_asked_again() -> None:
    """The node has asked the broker several times when it says so."""
    service = Scripted(503, 200, code="broker-unreachable")
    with pytest.raises(NodeProblem):
        read(service.node)
    assert service.asked == 1


def test_who_may_have_been_heard_is_told_to_look() -> None:
    with pytest.raises(NodeUnreachable, match="look whether it did") as broken:
        change(Scripted(httpx2.ReadTimeout).node)
    assert broken.value.sent
