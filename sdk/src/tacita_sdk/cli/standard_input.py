"""What an option holds that others on the machine should not see: `-` takes it from standard input.

An argument stands in the process list, which every user of the machine may read, and in the shell's history.
"""

import sys
from collections.abc import Callable

import typer

MAX_BYTES = 4096


def or_standard_input(what: str) -> Callable[[str], str]:
    """An option's callback: `-` becomes the one line of standard input, without the spaces around it.

    At a terminal it is asked for as `what`, and not shown. Anything but one line is a usage error.
    """

    def given(text: str) -> str:
        return _read(what) if text == "-" else text

    return given


def _read(what: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True)).strip()
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8.") from None
    if not text or len(text.splitlines()) > 1 or len(data) > MAX_BYTES:
        raise typer.BadParameter(f"standard input must hold it in one line of up to {MAX_BYTES} bytes.")
    return text
