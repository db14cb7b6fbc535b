"""What may leave the node in a log: nothing that was not foreseen."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from tacita_node import logs

CANARY = "+447911123456"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_listed_fields_of_their_shape_are_kept(written: io.StringIO) -> None:
    structlog.get_logger().info("source-imported", dataset="suspects", rows=3, seconds=0.5)
    [line] = lines(written)
    assert line.pop("timestamp")
    assert line == {"event": "source-imported", "level": "info", "dataset": "suspects", "rows": 3, "seconds": 0.5}


@pytest.mark.parametrize(
    "fields",
    [
        {"phone": CANARY},
        {"dataset": CANARY},
        {"dataset": "two words"},
        {"dataset": ["x"]},
        {"rows": CANARY},
        {"rows": None},
        {"places": (CANARY,)},
        {"places": CANARY},
        {"exc_info": CANARY},
        {"stack_info": CANARY},
    ],
)
def test_anything_else_is_dropped(written: io.StringIO, fields: dict[str, Any]) -> None:
    structlog.get_logger().info("event", **fields)
    [line] = lines(written)
    assert set(line) <= {"event", "level", "timestamp", "dropped"}
    assert CANARY not in written.getvalue()


def test_an_event_is_a_constant(written: io.StringIO) -> None:
    structlog.get_logger().info(f"imported {CANARY}")
    assert [line["event"] for line in lines(written)] == ["unnamed-event"]
    assert CANARY not in written.getvalue()


def test_of_a_librarys_message_only_the_place_is_kept(written: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("sqlalchemy.engine").exception("value %s", CANARY)
    [line] = lines(written)
    assert (line["event"], line["logger"], line["error"]) == ("library-message", "sqlalchemy.engine", "ValueError")
    assert [place.split(":")[1] for place in line["places"]] == ["test_of_a_librarys_message_only_the_place_is_kept"]
    assert CANARY not in written.getvalue()


def test_quiet_libraries_stay_quiet(written: io.StringIO) -> None:
    logging.getLogger("httpx2").info("GET %s", CANARY)
    assert written.getvalue() == ""


def test_a_line_that_finds_no_room_is_lost_and_nothing_else(written: io.StringIO) -> None:
    del written  # restores the logs
    lost = False
    with suppress(OSError), Path("/dev/full").open("w", buffering=1) as full:  # closing it fails in any case
        logs.configure(full)
        structlog.get_logger().critical("task-waits-for-disk", task="inbox")
        lost = True
    assert lost
