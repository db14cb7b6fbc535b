"""How a running match shows on standard error: one line that is written over on a terminal, else a line per state."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tacita_sdk.node_api import MatchSummary

_ERASE = "\r\x1b[K"


class ProgressLine:
    """Give it every summary on the way, and `end` it before anything else is printed.

    Args:
        stream: where to write; whether that is a terminal decides the form.
        clock: seconds, for the rate.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._on_terminal = stream.isatty()
        self._state = ""
        self._shown = ""
        self._began: tuple[float, int] | None = None
        """When the first progress was seen, and how much was done then."""

    def show(self, summary: "MatchSummary") -> None:
        """Shows where the match stands, if that says more than what was shown last."""
        if not self._on_terminal:
            if summary.state != self._state:
                self._state = summary.state
                self._stream.write(f"{summary.state}\n")
            return
        line = summary.state + self._computing(summary)
        if line != self._shown:
            self._shown = line
            self._stream.write(_ERASE + line)
            self._stream.flush()

    def end(self) -> None:
        """Clears the line of a terminal."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._shown = ""

    def _computing(self, summary: "MatchSummary") -> str:
        if summary.progress is None:
            return ""
        done, total = summary.progress.done, summary.progress.total
        text = f"  {done:,} of {total:,} elements ({done * 100 // total} %)"
        if self._began is None:
            self._began = (self._clock(), done)
            return text
        since, before = self._began
        rate = (done - before) / max(self._clock() - since, 1e-9)
        return text if rate < 1 else f"{text}, {rate:,.0f} a second, {(total - done) / rate:,.0f} s left"
