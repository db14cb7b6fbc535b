"""An option whose value may be `-`: then it comes from standard input."""

import sys
from collections.abc import Callable

import typer

from tacita_sdk.standard_input import one_line


def or_standard_input(what: str) -> Callable[[str], str]:
    """An option's callback: `-` becomes the one line of standard input.

    At a terminal it is asked for as `what`, and not shown. Anything but one line is a usage error.
    """

    def given(text: str) -> str:
        if text != "-":
            return text
        if sys.stdin.isatty():
            return str(typer.prompt(what, hide_input=True, err=True)).strip()
        try:
            return one_line()
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return given
