"""One line of standard input: for what others on the machine should not see.

An argument stands in the process list, which every user of the machine may read, and in the shell's history.
"""

import sys
from collections.abc import Callable

MAX_BYTES = 4096


def value_of(text: str, ask: Callable[[], str]) -> str:
    """An option's value: `-` is what a person at a terminal answers to `ask`, else the one line of standard input.

    Spaces around it are left out. Raises `ValueError` for anything but one line.
    """
    if text != "-":
        return text
    return ask().strip() if sys.stdin.isatty() else _one_line()


def _one_line() -> str:
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("standard input is not UTF-8.") from None
    if not text or len(text.splitlines()) > 1 or len(data) > MAX_BYTES:
        raise ValueError(f"standard input must hold it in one line of up to {MAX_BYTES} bytes.")
    return text
