"""Where a record came from: its dataset, source and line, and how the source was read; never what it says."""

from collections.abc import AsyncIterator

import pytest

from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import NOW, SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

FILE = b"name;phone\nanna;+44 20 7946 0018\nben;nonsense\ncleo;+442079460018\n"


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock) as one:
        yield one


@pytest.fixture(scope="module")
async def source(node: SingleNode) -> str:
    path = "/v1/datasets/callers/imports?kind=phone&column=phone&region=GB"
    answer = await node.client.post(path, content=FILE, headers={"content-type": "text/csv"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["source"])


async def test_a_record_is_led_back_to_its_line(node: SingleNode, source: str) -> None:
    answer = await node.client.get(f"/v1/records/{source}/2")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert {name: told[name] for name in ("dataset", "kind", "line", "rows", "column", "delimiter", "region")} == {
        "dataset": "callers",
        "kind": "phone",
        "line": 2,
        "rows": 3,
        "column": 2,
        "delimiter": "semicolon",
        "region": "GB",
    }
    assert (told["imported"], told["rejected"]) == (NOW, None)
    assert "7946" not in answer.text


async def test_a_rejected_line_says_why(node: SingleNode, source: str) -> None:
    told = (await node.client.get(f"/v1/records/{source}/3")).json()
    assert told["rejected"] == "not-a-number"


@pytest.mark.parametrize("line", [1, 4, 5, 2**53 - 1])
async def test_what_became_no_record_of_its_own_is_not_found(node: SingleNode, source: str, line: int) -> None:
    """The heading, a repetition, and what is beyond the end."""
    answer = await node.client.get(f"/v1/records/{source}/{line}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tacita:problem:no-such-record")


async def test_a_source_that_was_not_imported_is_not_found(node: SingleNode) -> None:
    answer = await node.client.get(f"/v1/records/{'0' * 32}/2")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tacita:problem:no-such-source")
