"""Log lines of a witness's process, in the form of a broker's and a node's: one JSON object a line.

Nothing that was not foreseen gets into one: event names are constants of ours; of what a library says only its name
and the class of the exception are kept, never the message, which may quote a checkpoint, an address or a path.
"""

import json
import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

logger: Final = logging.getLogger("tacita.witness")
"""Where the witness reports: constant event names, as `witness.cosigned`."""

_EVENT = re.compile(r"[a-z]+(?:[._-][a-z]+)*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}", re.ASCII)


def configure(stream: TextIO | None = None) -> None:
    """Sends this process's logs to `stream`, standard error unless given. Call it once, where the process begins."""
    root = logging.getLogger()
    root.handlers[:] = [_Lines(stream or sys.stderr)]
    root.setLevel(logging.WARNING)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    sys.excepthook = _report_uncaught


class _Lines(logging.Handler):
    """A line that cannot be written, because the disk is full, is lost and stops nothing."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        text = json.dumps(_fields(record), sort_keys=True)
        with suppress(OSError):
            self._stream.write(text + "\n")
            self._stream.flush()


def _fields(record: logging.LogRecord) -> dict[str, str]:
    fields = {
        "event": "library.message",
        "level": record.levelname.lower(),
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
    }
    if record.name == logger.name:
        fields["event"] = record.msg if isinstance(record.msg, str) and _EVENT.fullmatch(record.msg) else "unnamed"
    elif _NAME.fullmatch(record.name):
        fields["logger"] = record.name
    if record.exc_info is not None and record.exc_info[0] is not None:
        fields["error"] = record.exc_info[0].__name__
    return fields


def _report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logger.critical("uncaught", exc_info=(kind, error, trace))
