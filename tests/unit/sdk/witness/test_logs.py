"""What a witness's process writes down: the form of a broker's lines, and nothing that was not foreseen."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tacita_broker import observability
from tacita_sdk.witness import logs

CANARY = "+447911123456"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def uncaught() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)


def failing_library() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("httpx2").exception("asked %s", CANARY)


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (lambda: logs.logger.info("witness.cosigned"), {"event": "witness.cosigned", "level": "info"}),
        (lambda: logs.logger.error(f"took {CANARY}"), {"event": "unnamed", "level": "error"}),
        (lambda: logs.logger.info("witness.cosigned", extra={"phone": CANARY}), {"event": "witness.cosigned"}),
        (
            lambda: logging.getLogger("httpx2").warning("to %s", CANARY),
            {"event": "library.message", "logger": "httpx2"},
        ),
        (lambda: logging.getLogger(CANARY).warning("x"), {"event": "library.message", "level": "warning"}),
        (failing_library, {"event": "library.message", "logger": "httpx2", "error": "ValueError"}),
        (uncaught, {"event": "uncaught", "level": "critical", "error": "ValueError"}),
        (lambda: warnings.warn(CANARY, stacklevel=1), {"event": "library.message", "logger": "py.warnings"}),
    ],
)
@pytest.mark.filterwarnings("always")
def test_a_line_has_what_was_foreseen(
    written: io.StringIO, say: Callable[[], object], expected: dict[str, str]
) -> None:
    say()
    [line] = lines(written)
    assert line.items() >= expected.items()
    assert set(line) <= {"event", "level", "timestamp", "logger", "error"}
    assert CANARY not in written.getvalue()


def test_what_libraries_say_in_passing_is_left_out(written: io.StringIO) -> None:
    logging.getLogger("httpx2").info("asked %s", CANARY)
    assert written.getvalue() == ""


@pytest.mark.usefixtures("written")
def test_a_line_that_cannot_be_written_stops_nothing() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    logs.configure(Full())
    logs.logger.info("witness.cosigned")


def test_a_brokers_line_has_the_same_form(written: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    logs.logger.info("witness.cosigned")
    observability.configure_logging()
    observability.events().info("witness.cosigned")
    of_broker = json.loads(capsys.readouterr().err)
    [line] = lines(written)
    assert list(line) == list(of_broker)  # in one order
    assert (len(line["timestamp"]), line["timestamp"][-1]) == (len(of_broker["timestamp"]), "Z")
    assert line | {"timestamp": ""} == of_broker | {"timestamp": ""}
