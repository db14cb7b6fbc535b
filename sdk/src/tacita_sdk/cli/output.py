"""How the command line answers: JSON or an aligned table, and failures as one sentence with an exit code."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import typer
from pydantic import BaseModel

from tacita_sdk.cli.wording import in_our_words
from tacita_sdk.errors import ArgumentRefused, BrokerUnreachable, NodeProblem, NodeUnreachable, VerificationFailed

TO_BE_DELIVERED = "This holds at the node; the broker has not heard of it yet. The node goes on trying."

_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Controls of a terminal, line ends, and what turns the direction of writing."""

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNVERIFIED = 4


def as_shown(text: str) -> str:
    """One line as a terminal may print it: headings and fields come from files that others made, and what would clear
    the screen, begin another line or turn the writing round is shown as an escape, as `\\x1b`."""
    return _NOT_SHOWN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def show(body: BaseModel, *, as_json: bool, lines: Iterable[str]) -> None:
    """Print a body as one JSON object, or the given lines for a person."""
    if as_json:
        typer.echo(body.model_dump_json(by_alias=True))
        return
    for line in lines:
        typer.echo(as_shown(line))


def show_rows(
    rows: Sequence[BaseModel], *, as_json: bool, columns: Sequence[str], empty: str, times: Sequence[str] = ()
) -> None:
    """Print bodies as a JSON array, or the named columns of them as an aligned table; `times` are unix seconds."""
    if as_json:
        typer.echo(json.dumps([row.model_dump(mode="json", by_alias=True) for row in rows]))
        return
    if not rows:
        typer.echo(empty)
        return
    cells = [list(columns)] + [
        [in_utc(getattr(row, column)) if column in times else _cell(getattr(row, column)) for column in columns]
        for row in rows
    ]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def stream_rows(rows: Iterable[BaseModel], *, as_json: bool, columns: Mapping[str, int], empty: str) -> None:
    """As `show_rows`, but each row is printed as it comes and then forgotten: `columns` says how wide each is."""
    number = -1
    for number, row in enumerate(rows):
        if as_json:
            before = ", " if number else "["
            typer.echo(before + json.dumps(row.model_dump(mode="json", by_alias=True)), nl=False)
            continue
        if not number:
            typer.echo(_line(columns, {name: name for name in columns}))
        typer.echo(_line(columns, {name: _cell(getattr(row, name)) for name in columns}))
    if as_json:
        typer.echo("[]" if number < 0 else "]")
    elif number < 0:
        typer.echo(empty)


def in_utc(seconds: int) -> str:
    """Unix seconds as a date and time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def explain_failure(error: Exception) -> tuple[str, int]:
    """The sentence, as a terminal may print it, and the exit code for an error that ended a command."""
    sentence, code = _explained(error)
    return as_shown(sentence), code


def _explained(error: Exception) -> tuple[str, int]:
    if isinstance(error, ArgumentRefused):
        return str(error), EXIT_USAGE
    if isinstance(error, VerificationFailed):
        return str(error), EXIT_UNVERIFIED
    if isinstance(error, NodeUnreachable | BrokerUnreachable):
        return str(error), EXIT_UNREACHABLE
    if isinstance(error, NodeProblem):
        return in_our_words(error), EXIT_REFUSED
    if isinstance(error, OSError):
        where = "." if error.filename is None else f": {error.filename}"
        return f"{error.strerror or 'Input or output failed'}{where}", EXIT_REFUSED
    return str(error), EXIT_REFUSED


def _line(columns: Mapping[str, int], cells: Mapping[str, str]) -> str:
    return "  ".join(cells[name].ljust(width) for name, width in columns.items()).rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return as_shown(str(value))
