"""The report of rejected lines: a CSV file on the user's own machine.

A field's text is in it only when the user asks for it, and then it comes from the user's own file: a node says the
number of a line and the reason, never what stood there.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tacita_sdk.cli.private_file import private_file
from tacita_sdk.cli.spreadsheet import as_cell
from tacita_sdk.errors import SdkError

if TYPE_CHECKING:
    from tacita_sdk.node_api import ImportReport

_CHARACTERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


class SourceChanged(SdkError):
    """The file is not the one any more that was sent to the node."""


def write_rejects(path: Path, report: "ImportReport", source: Path | None) -> None:
    """Writes line, column (its number from 1) and reason of each rejected line, and its text when `source` is given.

    The file is readable by its owner only, and whole or not there. Raises `OSError`, or `SourceChanged`.
    """
    with private_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(["line", "column", "reason", *(["value"] if source is not None else [])])
        values = iter(()) if source is None else _values(source, report)
        for reject in report.rejects_preview:
            value = [as_cell(next(values))] if source is not None else []
            writer.writerow([reject.line, report.column, reject.reason, *value])


def _values(source: Path, report: "ImportReport") -> Iterator[str]:
    """The rejected fields' text, in the order of their lines. Raises `SourceChanged` when one is not there."""
    wanted = {reject.line for reject in report.rejects_preview}
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_CHARACTERS[report.delimiter], strict=True)
            begins = 1
            for row in reader:
                if begins in wanted:
                    wanted.remove(begins)
                    yield row[report.column - 1]
                begins = reader.line_num + 1
    except (csv.Error, IndexError, UnicodeDecodeError):
        raise _changed(source) from None
    if wanted:
        raise _changed(source)


def _changed(source: Path) -> SourceChanged:
    return SourceChanged(
        f"{source} was changed after it had been sent, so the file of rejected lines is not written: import it again."
    )
