"""An option whose value may be `-`: then it comes from standard input."""

from collections.abc import Callable

import typer

from tacita_sdk.standard_input import value_of


def or_standard_input(what: str) -> Callable[[str], str]:
    """An option's callback: at a terminal it is asked for as `what`, and not shown. A usage error if not one line."""

    def given(text: str) -> str:
        try:
            return value_of(text, lambda: str(typer.prompt(what, hide_input=True, err=True)))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return given
