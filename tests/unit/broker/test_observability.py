"""Nothing gets into a log line by accident."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from tacita_broker.observability import configure_logging, events

IDENTIFIER = "+447700900123"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_only_listed_fields_with_harmless_values_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    events().info("log.integrated", count=3, phone=IDENTIFIER, code=f"hit {IDENTIFIER}", status=200)
    (line,) = _lines(capsys)
    assert line.keys() == {"event", "level", "timestamp", "count", "status"}


def test_an_event_made_from_data_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    events().warning(f"rejected {IDENTIFIER}")
    (line,) = _lines(capsys)
    assert line["event"] == "unnamed"


def test_of_a_librarys_message_only_the_facts_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        raise ValueError(IDENTIFIER)
    except ValueError:
        logging.getLogger("some.library").exception("failed on %s", IDENTIFIER)
    (line,) = _lines(capsys)
    assert (line["event"], line["logger"], line["error"]) == ("library.message", "some.library", "ValueError")
    assert IDENTIFIER not in json.dumps(line)


def test_a_line_that_finds_no_room_is_lost_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = False
    with suppress(OSError), Path("/dev/full").open("w", buffering=1) as full:  # closing it fails in any case
        monkeypatch.setattr(sys, "stderr", full)
        configure_logging()
        events().critical("disk.takes-nothing", part="log")
        lost = True
    assert lost
