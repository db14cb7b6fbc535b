"""What the command line makes of a node's refusals: options and arguments, and no field of a body."""

import re
from collections.abc import AsyncIterator

import pytest

from tacita_sdk.cli.wording import in_our_words
from tacita_sdk.errors import NodeProblem
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

CSV = {"content-type": "text/csv"}
ORDER = {"dataset": "d", "with": "haven/d", "purpose": "p", "basis": "b", "case": "c"}


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SingleNode]:
    clock = TestClock()
    async with running(tmp_path_factory.mktemp("node"), BrokerSimulator(clock), clock=clock) as one:
        yield one


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/v1/datasets/d/imports?kind=fax", b"x\n1\n", "--kind (one of phone, account"),
        ("POST", "/v1/datasets/d/imports?kind=phone&region=gb", b"x\n1\n", "--region (two letters, as GB (not UK))"),
        (
            "POST",
            "/v1/datasets/d/imports?kind=phone&delimiter=pipe",
            b"x\n1\n",
            "--delimiter (comma, semicolon or tab)",
        ),
        ("POST", "/v1/datasets/Not+a+name/imports?kind=phone", b"x\n1\n", "DATASET (a dataset's name"),
        (
            "POST",
            "/v1/datasets/d/publish",
            {"sensitivity": "odd", "discoverable_by": ["ngo"]},
            "--sensitivity is one of",
        ),
        (
            "POST",
            "/v1/datasets/d/publish",
            {"sensitivity": "ordinary", "discoverable_by": ["x"]},
            "--visible-to is one",
        ),
        ("POST", "/v1/datasets/d/publish", {"sensitivity": "ordinary", "discoverable_by": []}, "--visible-to (a kind"),
        ("POST", "/v1/matches", ORDER | {"with": "haven"}, "--with (PARTNER/DATASET)"),
        ("POST", "/v1/matches", ORDER | {"result_to": "Nobody!"}, "--result-to (requester, owner or both)"),
        ("GET", "/v1/matches/7c55", None, "MATCH (32 hexadecimal digits"),
        ("POST", "/v1/agreements/7c55/sign", None, "AGREEMENT (32 hexadecimal digits"),
        ("POST", "/v1/partners/Haven/distrust", None, "PARTNER (a partner's id"),
        (
            "GET",
            "/v1/records/7c55/0",
            None,
            "LINE (a line's number, from 1), SOURCE (32 hexadecimal digits",
        ),
    ],
)
async def test_a_refusal_names_what_people_type(
    node: SingleNode, method: str, path: str, body: bytes | dict[str, object] | None, said: str
) -> None:
    if isinstance(body, bytes):
        answer = await node.client.request(method, path, content=body, headers=CSV)
    else:
        answer = await node.client.request(method, path, json=body)
    assert answer.status_code == 422, answer.text
    sentence = in_our_words(NodeProblem.from_response(answer.status_code, answer.content))
    assert said in sentence
    assert sentence.endswith(".")
    assert not re.search(r"\b(query|path|body)\.|discoverable_by|result_to|\^\[", sentence)


def test_what_is_no_question_of_form_stays_as_the_node_says_it() -> None:
    problem = NodeProblem(409, "withdrawn", "This dataset was withdrawn meanwhile; publish it again.")
    assert in_our_words(problem) == problem.detail
