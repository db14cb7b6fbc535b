"""The table of real spellings in tests/vectors/identifiers/, one file a kind."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from tacita_protocol.identifiers.kind import Kind

TABLES = Path(__file__).parents[1] / "vectors" / "identifiers"
COLUMNS = ["spelling", "region", "expected", "country", "note"]
_ESCAPE = re.compile(r"\\(\\|u[0-9a-f]{4})")


@dataclass(frozen=True)
class Row:
    """One row: `expected` is a canonical form, or `!` and a reason."""

    kind: Kind
    spelling: str
    region: str | None
    expected: str
    country: str

    @property
    def accepted(self) -> bool:
        """Whether the spelling has a canonical form."""
        return not self.expected.startswith("!")


def rows_of(kind: Kind) -> list[Row]:
    """The rows of one kind, their escapes resolved."""
    with (TABLES / f"{kind}.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(rows) != COLUMNS:
            raise ValueError("the table has other columns")
        return [
            Row(kind, _unescaped(spelling), region or None, _unescaped(expected), country)
            for spelling, region, expected, country, _note in rows
        ]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)
