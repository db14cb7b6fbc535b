"""Beside a denial of a match, the command names the purposes that the own agreements are for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from tacita_sdk.cli.agreed import other_purposes
from tacita_sdk.cli.main import app
from tacita_sdk.node_api import AgreementList, AgreementSummary, MatchSummary, TermDraft
from tests.unit.sdk.test_match_answers import SUMMARY

MATCHING = ("match", "run", "--dataset", "suspects", "--with", "haven/lists", "--basis", "b", "--case", "c")


def agreement(*purposes: str, owner: str = "haven", dataset: str = "lists", state: str = "signed") -> AgreementSummary:
    term = TermDraft(owner=owner, dataset=dataset, kind="phone", purposes=purposes, legal_bases=("b",))
    return AgreementSummary.model_validate(
        {
            "agreement": "5e" * 16,
            "class": "single",
            "peer": "haven",
            "state": state,
            "digest": "3f" * 32,
            "not_before": 1,
            "not_after": 2,
            "units": 1,
            "period_days": 1,
            "per_minute": None,
            "terms": [term.model_dump()],
            "approved_by": ["a"],
            "their_approvers": ["b"],
        }
    )


def test_it_names_every_purpose_agreed_about_that_dataset_and_no_other() -> None:
    known = [
        agreement("screening", "warning"),
        agreement("protection"),
        agreement("over", state="revoked"),
        agreement("offered", state="received"),
        agreement("theirs", owner="north-bank"),
        agreement("elsewhere", dataset="adverts"),
    ]
    sentence = "What you agreed about haven/lists is for another purpose: protection, screening, warning."
    assert other_purposes(known, "haven/lists", "screning") == sentence
    assert other_purposes(known, "haven/lists", "warning") is None
    assert other_purposes(known[2:], "haven/lists", "warning") is None


@contextmanager
def node_that_denies(ended: MatchSummary) -> Iterator[str]:
    """The address of what answers as a node: every match ends so, and there is one agreement."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._say(202, ended.model_dump_json())

        def do_GET(self) -> None:
            listed = AgreementList(agreements=(agreement("screening"),)).model_dump_json(by_alias=True)
            self._say(200, listed if self.path.startswith("/v1/agreements") else ended.model_dump_json())

        def _say(self, status: int, body: str) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keeps to itself."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize(
    ("state", "purpose", "said"),
    [
        ("denied", "screning", True),
        ("refused", "screning", True),
        ("denied", "screening", False),
        ("aborted", "screning", False),
    ],
)
def test_the_command_says_so_beside_the_denial(state: str, purpose: str, said: bool) -> None:
    with node_that_denies(SUMMARY.model_copy(update={"state": state, "outcome": state})) as address:
        done = CliRunner(env={"TACITA_TOKEN": "t"}).invoke(
            app, [*MATCHING, "--purpose", purpose, "--node", address, "--json"]
        )
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (1, state)
    assert ("is for another purpose: screening." in done.stderr) == said
