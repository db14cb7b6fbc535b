"""What a node's caller reads when the broker said no: a sentence that says what would help."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tacita_node.problems import install
from tacita_sdk.errors import BrokerProblem


@pytest.mark.parametrize(
    ("status", "code", "type_", "detail"),
    [
        (409, "epoch", "broker-epoch", "The broker refused this: epoch."),
        (403, "Not A Code!", "broker-unknown", "The broker refused this: unknown."),
        (401, "signature", "broker-signature", "The broker takes nothing from this node's key"),
    ],
)
def test_a_brokers_no_is_named(status: int, code: str, type_: str, detail: str) -> None:
    app = FastAPI()
    install(app)

    @app.get("/")
    def refused() -> None:
        raise BrokerProblem(status, code, "what the broker said, 07911 000001")

    answer = TestClient(app).get("/")
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, f"urn:tacita:problem:{type_}")
    assert problem["detail"].startswith(detail)
    assert "000001" not in answer.text
