"""Structured log lines on stderr: constant event names, and a field allow-list.

An identifier cannot be logged by accident: whatever is not in `FIELDS` is dropped, values are numbers, booleans or
short words, and messages of libraries are not passed on at all, only the name of the logger and of the exception.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

FIELDS = frozenset(
    {
        "broker",
        "code",
        "count",
        "error",
        "event",
        "host",
        "level",
        "logger",
        "part",
        "port",
        "seconds",
        "size",
        "status",
        "timestamp",
    }
)
"""The only fields that reach a log line."""

_WORD = re.compile(r"[A-Za-z0-9_.:+-]{1,64}", re.ASCII)
_EVENT = re.compile(r"[a-z]+(?:[._-][a-z]+)*", re.ASCII)


def allow_listed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep allowed fields with harmless values; everything else is dropped, an odd event name replaced."""
    kept = {name: value for name, value in event.items() if name in FIELDS and _harmless(value)}
    if not _EVENT.fullmatch(str(event.get("event", ""))):
        kept["event"] = "unnamed"
    return kept


def configure_logging(level: int = logging.INFO) -> None:
    """Send everything, libraries included, through the allow-list to stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            allow_listed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lossy(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    root.setLevel(logging.WARNING)


def events() -> Any:
    """The logger. Use constant event names, as `log.integrated`, and fields of `FIELDS`."""
    return structlog.get_logger()


class _Lossy:
    """A stream for log lines: one that cannot be written, because the disk is full, is lost and stops nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class _LibraryHandler(logging.Handler):
    """Libraries quote what they handled (addresses, SQL, paths): of their records only the facts are passed on."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        fields = {"logger": record.name, "error": error.__name__ if error else None}
        events().log(record.levelno, "library.message", **{name: value for name, value in fields.items() if value})


def _harmless(value: object) -> bool:
    if isinstance(value, bool | int | float):
        return True
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
