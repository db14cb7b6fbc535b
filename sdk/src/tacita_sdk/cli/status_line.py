"""One line on standard error that is written over on a terminal; elsewhere a line for each step."""

import time
from collections.abc import Callable
from typing import TextIO

_ERASE = "\r\x1b[K"


class StatusLine:
    """What such lines share. `end` it before anything else is printed.

    Args:
        stream: where to write; whether that is a terminal decides the form.
        clock: seconds, for rates.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._on_terminal = stream.isatty()
        self._step = ""
        self._shown = ""

    def end(self) -> None:
        """Clears the line of a terminal."""
        if self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._shown = ""

    def _show(self, step: str, line: str) -> None:
        """Shows `line` on a terminal, elsewhere `step`: each only if it says more than what was shown last."""
        if not self._on_terminal and step != self._step:
            self._stream.write(f"{step}\n")
        elif self._on_terminal and line != self._shown:
            self._stream.write(_ERASE + line)
            self._stream.flush()
            self._shown = line
        self._step = step
