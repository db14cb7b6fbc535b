"""Reading one column of a CSV file: strict about the file, so that nothing is silently read as something else.

A file that is not what it should be is refused whole, with a named reason and at most a line number; what a line's
field says is judged later (`records.py`). Nothing of the file's text is ever in an error.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tacita_node.config import Limits
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

EXTRACTOR = "csv/1"
"""What read the records, for their provenance: format and version of the rules in this module."""

_BOM = "\ufeff"


class Delimiter(StrEnum):
    """What separates the fields of a line."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"

    @property
    def character(self) -> str:
        """The character itself."""
        return _CHARACTERS[self]


_CHARACTERS = {Delimiter.COMMA: ",", Delimiter.SEMICOLON: ";", Delimiter.TAB: "\t"}


class SourceRefused(Exception):
    """The file cannot be imported; nothing was. `code` names why, `line` where, as far as that can be said."""

    def __init__(self, code: str, message: str, *, line: int | None = None) -> None:
        super().__init__(message if line is None else f"Line {line}: {message}")
        self.code = code
        self.line = line


@dataclass(frozen=True)
class SourceLine:
    """One line's field of the chosen column. `number` is where the line begins in the file, from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class SourceTable:
    """What was read: the lines under the header, the column's number (from 0) and the delimiter."""

    lines: tuple[SourceLine, ...]
    column: int
    delimiter: Delimiter


def read_source(
    data: bytes,
    *,
    kind: Kind,
    column: str | None,
    region: str | None,
    delimiter: Delimiter | None,
    limits: Limits,
) -> SourceTable:
    """The chosen column of a CSV file with a header line, UTF-8 with or without a byte order mark.

    Args:
        data: the file.
        kind: what the column holds: a heading that is itself such an identifier means that the header is missing.
        column: its heading, compared without case; may be None when the file has one column.
        region: what national spellings are read in.
        delimiter: None to find out from the header line.
        limits: sizes that are refused.

    Raises `SourceRefused`.
    """
    text = _text(data, limits)
    chosen = delimiter if delimiter is not None else _detect(text, column, limits)
    rows = _rows(text, chosen, limits)
    header_line, header = next(rows, (1, []))
    if not header:
        raise SourceRefused("empty", "The file has no header line.")
    index = _column(header, column)
    _check_heading(header[index], kind, region, header_line)
    lines: list[SourceLine] = []
    for number, row in rows:
        if len(row) != len(header):
            raise SourceRefused("uneven-row", "this line has another number of fields than the header.", line=number)
        if len(lines) == limits.import_rows:
            raise SourceRefused("too-many-rows", f"The file has more than {limits.import_rows} lines.")
        lines.append(SourceLine(number, row[index]))
    if not lines:
        raise SourceRefused("empty", "The file has a header and no lines under it.")
    return SourceTable(tuple(lines), index, chosen)


def _text(data: bytes, limits: Limits) -> str:
    if len(data) > limits.import_bytes:
        raise SourceRefused("too-large", f"The file has more than {limits.import_bytes} bytes.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceRefused("not-utf8", "this is not UTF-8 text; save the file as CSV UTF-8.", line=line) from None
    text = text.removeprefix(_BOM)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceRefused("not-text", "this is not text; save the file as CSV UTF-8.", line=line)
    return text


def _detect(text: str, column: str | None, limits: Limits) -> Delimiter:
    """The delimiter under which the header has the wanted column; else the only one that splits the header at all."""
    headers = {candidate: _first_row(text, candidate, limits) for candidate in Delimiter}
    if column is not None:
        holding = [candidate for candidate, header in headers.items() if _positions(header, column)]
        widest = max((len(headers[candidate]) for candidate in holding), default=0)
        if widest == 1:  # a file of one column: no delimiter splits its header
            return Delimiter.COMMA
        holding = [candidate for candidate in holding if len(headers[candidate]) > 1]
        if len(holding) == 1:
            return holding[0]
        if len(holding) > 1:
            raise SourceRefused(
                "delimiter-unclear", "More than one delimiter fits the header; name it with --delimiter."
            )
    splitting = [candidate for candidate, header in headers.items() if len(header) > 1]
    if len(splitting) > 1:
        raise SourceRefused("delimiter-unclear", "More than one delimiter fits the header; name it with --delimiter.")
    return splitting[0] if splitting else Delimiter.COMMA


def _first_row(text: str, delimiter: Delimiter, limits: Limits) -> list[str]:
    reader = csv.reader(_Lines(text, limits.import_row_characters), delimiter=delimiter.character, strict=True)
    try:
        return next((row for row in reader if row), [])
    except csv.Error:  # quoted otherwise than this delimiter would have it: not this one
        return []


def _rows(text: str, delimiter: Delimiter, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not blank, with the number of the line of the file on which it begins."""
    lines = _Lines(text, limits.import_row_characters)
    reader = csv.reader(lines, delimiter=delimiter.character, strict=True)
    begins = 1
    try:
        for row in reader:
            number, begins = begins, reader.line_num + 1
            lines.begin_row(begins)
            if not row:
                continue
            if len(row) > limits.import_columns:
                raise SourceRefused("too-many-columns", f"more than {limits.import_columns} columns.", line=number)
            if any(len(field) > limits.import_field_characters for field in row):
                raise SourceRefused(
                    "field-too-long", f"a field has more than {limits.import_field_characters} characters.", line=number
                )
            yield number, row
    except csv.Error:
        raise SourceRefused(
            "bad-quoting", "the quotation marks do not pair up here, or a field never ends.", line=begins
        ) from None


class _Lines(Iterator[str]):
    """The lines of a text, as the csv reader takes them. Within one row it gives no more than `limit` characters: a
    row may go over many lines inside quotation marks, and all of it would be in memory before anything counts it.
    """

    def __init__(self, text: str, limit: int) -> None:
        self._text = io.StringIO(text, newline="")
        self._limit = limit
        self._given = 0
        self._row = 1

    def begin_row(self, line: int) -> None:
        """The next line, number `line`, begins a row."""
        self._given = 0
        self._row = line

    def __next__(self) -> str:
        line = self._text.readline(self._limit + 1)
        if not line:
            raise StopIteration
        self._given += len(line)
        if self._given > self._limit:
            raise SourceRefused("row-too-long", f"a row has more than {self._limit} characters.", line=self._row)
        return line


def _column(header: list[str], column: str | None) -> int:
    if column is None:
        if len(header) > 1:
            raise SourceRefused("column-needed", f"The file has {len(header)} columns; name one with --column.")
        return 0
    found = _positions(header, column)
    if not found:
        raise SourceRefused("column-missing", "The header has no column of the name given with --column.")
    if len(found) > 1:
        raise SourceRefused("column-repeated", "The header has the stated column more than once.")
    return found[0]


def _positions(header: list[str], column: str) -> list[int]:
    wanted = column.strip().casefold()
    return [index for index, heading in enumerate(header) if heading.strip().casefold() == wanted]


def _check_heading(heading: str, kind: Kind, region: str | None, line: int) -> None:
    try:
        normalise(kind, heading, region)
    except InvalidIdentifier:
        return
    raise SourceRefused("header-missing", "the column begins with data; put a heading over it.", line=line)
