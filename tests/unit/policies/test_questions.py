"""Inputs are complete and typed: a field too many, too few or of another type never reaches a policy."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from tacita_policies.decision import Entrypoint
from tacita_policies.example import AGREE_EXAMPLE, DISCLOSE_EXAMPLE, DISCOVER_EXAMPLE, EXAMPLE, EXAMPLES
from tacita_policies.questions import MatchInput
from tacita_protocol.statements.statement import Part

QUESTIONS: list[Part] = [EXAMPLE, DISCOVER_EXAMPLE, AGREE_EXAMPLE, DISCLOSE_EXAMPLE]
NAMES = [type(question).__name__ for question in QUESTIONS]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def facts_of(question: Part) -> Any:
    return json.loads(question.model_dump_json())


def refused(question: Part, facts: Any) -> bool:
    try:
        type(question).model_validate_json(json.dumps(facts))
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("question", QUESTIONS, ids=NAMES)
def test_a_field_too_few_is_refused(question: Part) -> None:
    for number, part in enumerate(objects(facts_of(question))):
        for name in part:
            facts = facts_of(question)
            del list(objects(facts))[number][name]
            assert refused(question, facts), name


@pytest.mark.parametrize("question", QUESTIONS, ids=NAMES)
def test_a_field_too_many_is_refused(question: Part) -> None:
    for number in range(len(list(objects(facts_of(question))))):
        facts = facts_of(question)
        list(objects(facts))[number]["phone"] = "x"
        assert refused(question, facts)


@pytest.mark.parametrize("question", QUESTIONS, ids=NAMES)
@pytest.mark.parametrize("other", ["", [None], {}, 1.5, True, -1], ids=str)
def test_a_value_of_another_type_is_refused(question: Part, other: object) -> None:
    for number, part in enumerate(objects(facts_of(question))):
        for name in part:
            facts = facts_of(question)
            list(objects(facts))[number][name] = copy.copy(other)
            assert refused(question, facts), name


def test_there_is_an_example_for_every_question() -> None:
    assert EXAMPLES.keys() == set(Entrypoint)
    assert {type(example) for example in EXAMPLES.values()} == {type(question) for question in QUESTIONS}
    for entrypoint in (Entrypoint.BROKER_MATCH, Entrypoint.NODE_RESPOND):
        assert isinstance(EXAMPLES[entrypoint], MatchInput)
