"""How an import shows on standard error: one line that is written over on a terminal, else a line per phase."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tacita_sdk.import_steps import ImportProgress

_ERASE = "\r\x1b[K"
_UNITS = {"sending": "bytes", "reading": "bytes", "storing": "rows"}


class ImportLine:
    """Give it every progress on the way, and `end` it before anything else is printed.

    Args:
        stream: where to write; whether that is a terminal decides the form.
        clock: seconds, for the rates.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._on_terminal = stream.isatty()
        self._phase = ""
        self._shown = False
        self._began = (0.0, 0, 0)
        """When the phase was first seen, and how much of it, and how many rows, were done then."""

    def show(self, progress: "ImportProgress") -> None:
        """Shows how far it is: share, rows a second, and seconds left in this phase."""
        if progress.phase != self._phase:
            self._phase = progress.phase
            self._began = (self._clock(), progress.done, progress.rows)
            if not self._on_terminal:
                self._stream.write(f"{progress.phase}\n")
        if self._on_terminal:
            self._stream.write(_ERASE + self._line(progress))
            self._stream.flush()
            self._shown = True

    def end(self) -> None:
        """Clears the line of a terminal."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._shown = False

    def _line(self, progress: "ImportProgress") -> str:
        since, done, rows = self._began
        seconds = max(self._clock() - since, 1e-9)
        unit = _UNITS[progress.phase]
        line = f"{progress.phase}  {progress.done:,} of {progress.total:,} {unit}"
        if progress.total:
            line += f" ({progress.done * 100 // progress.total} %)"
        rate = (progress.done - done) / seconds
        if rate < 1:
            return line
        rows_rate = rate if unit == "rows" else (progress.rows - rows) / seconds
        if rows_rate >= 1:
            line += f", {rows_rate:,.0f} rows a second"
        return f"{line}, {(progress.total - progress.done) / rate:,.0f} s left"
