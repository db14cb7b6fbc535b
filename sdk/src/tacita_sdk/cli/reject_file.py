"""The report of rejected lines: a CSV file on the user's own machine.

A field's text is in it only when the user asks for it, and then it comes from the user's own file: a node says the
number of a line and the reason, never what stood there.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacita_sdk.node_api import ImportReport

_CHARACTERS = {"comma": ",", "semicolon": ";", "tab": "\t"}


def write_rejects(path: Path, report: "ImportReport", source: Path | None) -> None:
    """Writes line, column (its number from 1) and reason of each rejected line, and its text when `source` is given.

    The file is readable by its owner only, and whole or not there. Raises `OSError`.
    """
    temporary = path.with_name(f"{path.name}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "column", "reason", *(["value"] if source is not None else [])])
            values = iter(()) if source is None else _values(source, report)
            for reject in report.rejects_preview:
                value = [next(values)] if source is not None else []
                writer.writerow([reject.line, report.column, reject.reason, *value])
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _values(source: Path, report: "ImportReport") -> Iterator[str]:
    """The rejected fields' text, in the order of their lines."""
    wanted = {reject.line for reject in report.rejects_preview}
    with source.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=_CHARACTERS[report.delimiter], strict=True)
        begins = 1
        for row in reader:
            if begins in wanted:
                yield row[report.column - 1]
            begins = reader.line_num + 1
