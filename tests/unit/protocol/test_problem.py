"""A problem document may come from anybody on the line, unsigned, and its sentence is shown to people."""

import json

import pytest

from tacita_protocol.api import Problem, parse_body
from tacita_protocol.errors import MalformedMessage


def document(detail: str) -> bytes:
    problem = {"type": "urn:tacita:problem:no", "title": "No", "status": 422, "detail": detail}
    return json.dumps(problem).encode()


@pytest.mark.parametrize("detail", ["\x1b[2J", "\x9b31m", "\x07", "a\nb", "\u202eb", "\u2028"])
def test_its_sentence_cannot_steer_a_terminal(detail: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_body(Problem, document(detail), max_bytes=10_000)


def test_a_sentence_of_any_language_is_read() -> None:
    sentence = "The dataset is unknown. Набор данных неизвестен. 数据集未知。"
    assert parse_body(Problem, document(sentence), max_bytes=10_000).detail == sentence
