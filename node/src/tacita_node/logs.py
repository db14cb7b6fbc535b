"""Structured logs in which an identifier cannot appear by accident.

Only the fields named here leave the process, only with values of the shapes named here, and event names are constants.
Whatever a dependency says through the standard library's logging is reduced to where it came from; of an exception
only its class and the places in the code are kept, never its message.
"""

import logging
import re
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

NUMBERS = frozenset(
    (
        "accepted",
        "attempt",
        "bytes",
        "count",
        "duplicates",
        "epoch",
        "frames",
        "line",
        "milliseconds",
        "port",
        "rejected",
        "rows",
        "seconds",
        "sequence",
        "size",
        "status",
        "workers",
    )
)
"""Fields that carry a number."""

CODES = frozenset(
    (
        "agreement",
        "code",
        "dataset",
        "error",
        "function",
        "host",
        "kind",
        "level",
        "logger",
        "match",
        "method",
        "module",
        "outcome",
        "partner",
        "peer",
        "reason",
        "role",
        "source",
        "state",
        "step",
        "task",
        "timestamp",
        "version",
    )
)
"""Fields that carry a code, an id or a name of ours."""

_EVENT = re.compile(r"[a-z][a-z0-9-]{0,63}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")


def configure(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Sends this process's logs to `stream`, one JSON object a line. Call it once, where a process begins."""
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        allow_listed,
        structlog.processors.JSONRenderer(sort_keys=True),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lossy(stream))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forwarder()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _report_uncaught


def allow_listed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keeps what is on the lists above and has the right shape; counts the rest in `dropped`."""
    name = event.pop("event", "")
    kept: dict[str, object] = {
        "event": name if isinstance(name, str) and _EVENT.fullmatch(name) else "unnamed-event",
    }
    places = event.pop("places", None)
    if isinstance(places, tuple) and all(isinstance(place, _Place) for place in places):
        kept["places"] = [str(place) for place in places]
    dropped = 0
    for key, value in event.items():
        if _allowed(key, value):
            kept[key] = value
        else:
            dropped += 1
    if dropped:
        kept["dropped"] = dropped
    return kept


def _allowed(key: str, value: object) -> bool:
    if key in NUMBERS:
        return isinstance(value, int | float)
    return key in CODES and isinstance(value, str) and _CODE.fullmatch(value) is not None


class _Place(str):
    """A place in the code, `module:function:line`. A type of its own: no other text gets into the log this way."""

    __slots__ = ()


def places_of(error: BaseException) -> tuple[str, ...]:
    """Where an exception came from, outermost first: code places only, without its message or any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return tuple(
        _Place(f"{frame.filename.rpartition('site-packages/')[2]}:{frame.name}:{frame.lineno}") for frame in frames
    )


def _report_uncaught(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    structlog.get_logger().critical("uncaught", error=kind.__name__, places=places_of(error))


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


class _Forwarder(logging.Handler):
    """What other libraries log: who and where, not what (their messages may quote data)."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name, "function": record.funcName, "line": record.lineno}
        if record.exc_info is not None and record.exc_info[1] is not None:
            fields["error"] = type(record.exc_info[1]).__name__
            fields["places"] = places_of(record.exc_info[1])
        log: FilteringBoundLogger = structlog.get_logger()
        log.log(record.levelno, "library-message", **fields)
