"""The shipped policies, case by case: `decisions.json` has the changes to the example and what both sides must say."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tacita_policies.bundle import Bundle
from tacita_policies.decision import Decision, Entrypoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.example import EXAMPLE
from tacita_policies.questions import MatchInput

CASES = json.loads((Path(__file__).parent / "decisions.json").read_text())
SIDES = {"broker": Entrypoint.BROKER_MATCH, "node": Entrypoint.NODE_RESPOND}


class Federation:
    """The shipped policies, asked from synchronous tests."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._point = EmbeddedDecisionPoint(Bundle.load(), timeout=20)
        runner.run(self._point.start())

    def decide(self, entrypoint: Entrypoint, facts: MatchInput) -> Decision:
        return self._runner.run(self._point.decide(entrypoint, facts))

    def close(self) -> None:
        self._runner.run(self._point.close())


@pytest.fixture(scope="module")
def federation() -> Iterator[Federation]:
    with asyncio.Runner() as runner:
        federation = Federation(runner)
        yield federation
        federation.close()


def changed(changes: dict[str, Any]) -> MatchInput:
    facts = EXAMPLE.model_dump(mode="json")
    for path, value in changes.items():
        *parents, last = path.split(".")
        target = facts
        for parent in parents:
            target = target[parent]
        assert last in target, path
        target[last] = value
    return MatchInput.model_validate_json(json.dumps(facts))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_decision(federation: Federation, case: dict[str, Any], side: str) -> None:
    decision = federation.decide(SIDES[side], changed(case["changes"]))
    if case[side] == "allow":
        assert decision.allow, decision.reasons
        obligations = decision.obligations.model_dump(mode="json")
        expected = case.get("obligations", {})
        assert {name: obligations[name] for name in expected} == expected
    else:
        assert not decision.allow
        assert sorted(reason.code for reason in decision.reasons) == sorted(case[side])


def test_the_sentence_about_possible_victims(federation: Federation) -> None:
    decision = federation.decide(Entrypoint.BROKER_MATCH, changed({"dataset.sensitivity": "possible-victim"}))
    assert [reason.message for reason in decision.reasons] == [
        "This dataset names possible victims: only its owner may learn of a match."
    ]


def test_sentences_read_as_such(federation: Federation) -> None:
    decision = federation.decide(Entrypoint.BROKER_MATCH, changed({"purpose": "agency-check", "agreement": None}))
    assert [reason.message for reason in decision.reasons] == [
        "In this federation a bank may not ask an NGO for the purpose of checking an agency before hiring through it."
    ]


def test_every_kind_of_partner_has_its_words() -> None:
    """A missing word would make a sentence, and so a denial's reason, undefined."""
    data: Any = Bundle.load().data["tacita"]
    schema = MatchInput.model_json_schema()["$defs"]
    assert sorted(data["partner_kinds"]) == sorted(schema["PartnerKind"]["enum"])
    assert sorted(data["identifier_kinds"]) == sorted(schema["Kind"]["enum"])
    assert sorted(data["sensitivities"]) == sorted(schema["Sensitivity"]["enum"])


def test_the_matrix_names_only_what_exists() -> None:
    data: Any = Bundle.load().data["tacita"]
    vocabulary = {
        "requester_kinds": data["partner_kinds"],
        "responder_kinds": data["partner_kinds"],
        "kinds": data["identifier_kinds"],
        "sensitivities": data["sensitivities"],
        "purposes": data["purposes"],
        "legal_bases": data["legal_bases"],
    }
    for row in data["matrix"]:
        for column, known in vocabulary.items():
            assert set(row[column]) <= set(known), (row["name"], column)
