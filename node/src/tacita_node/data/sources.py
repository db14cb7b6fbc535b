"""Reading one column of a CSV file, line by line: strict, so that nothing is silently read as something else.

A file that is not what it should be is refused whole, with a named reason and at most a line number; what a line's
field says is judged later (`records.py`). Nothing of the file's text is ever in an error.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tacita_node.config import Limits
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

EXTRACTOR = "csv/1"
"""What read the records, for their provenance: format and version of the rules in this module."""

_BOM = "\ufeff".encode()
_BOM_BYTES = len(_BOM)
_ENDS = frozenset({"\n", "\r", "\r\n"})
_SPLIT_BYTES = 64 * 2**10
"""Bytes that are split into lines at once: lines of one character take thirty times as much memory as their text."""
_UTF8_BYTES = 4
"""Bytes of a character, at most."""


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
class SourceLayout:
    """How a file is read: the column's number (from 0) among `width` columns, and the delimiter."""

    column: int
    width: int
    delimiter: Delimiter


@dataclass(frozen=True)
class Header:
    """A file's header line: the layout that it shows, and the heading of the column with its line number."""

    layout: SourceLayout
    heading: str = field(repr=False)  # it may turn out to be data
    line: int


Pieces = Callable[[], Iterable[bytes]]
"""A file from its beginning, in pieces of any length; called once for each time that it is read."""


def layout_of(
    pieces: Pieces, *, kind: Kind, column: str | None, region: str | None, delimiter: Delimiter | None, limits: Limits
) -> SourceLayout:
    """How to read one column of a CSV file with a header line, UTF-8 with or without a byte order mark.

    Reads the header only. Raises `SourceRefused`.

    Args:
        pieces: the file.
        kind: what the column holds: a heading that is itself such an identifier means that the header is missing.
        column: its heading, compared without case; may be None when the file has one column.
        region: what national spellings are read in.
        delimiter: None to find out from the header line.
        limits: sizes that are refused.
    """
    header = header_of(pieces, column=column, delimiter=delimiter, limits=limits)
    return layout_below(header, is_data=reads_as(kind, header.heading, region))


def header_of(pieces: Pieces, *, column: str | None, delimiter: Delimiter | None, limits: Limits) -> Header:
    """The header line; the arguments are those of `layout_of`. Raises `SourceRefused`."""
    chosen = delimiter if delimiter is not None else detect_delimiter(pieces, column, limits)
    line, header = next(rows_of(pieces, chosen, limits), (1, []))
    if not header:
        raise SourceRefused("empty", "The file has no header line.")
    index = column_of(header, column)
    return Header(SourceLayout(index, len(header), chosen), header[index], line)


def reads_as(kind: Kind, text: str, region: str | None) -> bool:
    """Whether a text is an identifier of that kind. Loads the tables of the kind: for a worker."""
    try:
        normalise(kind, text, region)
    except InvalidIdentifier:
        return False
    return True


def layout_below(header: Header, *, is_data: bool) -> SourceLayout:
    """The layout, once it is known whether the heading is an identifier itself. Raises `SourceRefused`."""
    if is_data:
        raise SourceRefused("header-missing", "the column begins with data; put a heading over it.", line=header.line)
    return header.layout


def read_lines(pieces: Pieces, layout: SourceLayout, limits: Limits) -> Iterator[SourceLine]:
    """The lines under the header, one after the other: nothing of the file is held but the line that is read.

    What is read, or refused, does not depend on where one piece ends and the next begins. Raises `SourceRefused`.
    """
    count = 0
    rows = rows_of(pieces, layout.delimiter, limits)
    next(rows, None)
    for number, row in rows:
        if len(row) != layout.width:
            raise SourceRefused("uneven-row", "this line has another number of fields than the header.", line=number)
        if count == limits.import_rows:
            raise _too_many_rows(limits.import_rows)
        count += 1
        yield SourceLine(number, row[layout.column])
    if not count:
        raise SourceRefused("empty", "The file has a header and no lines under it.")


def detect_delimiter(pieces: Pieces, column: str | None, limits: Limits) -> Delimiter:
    """The delimiter under which the header has the wanted column; else the only one that splits the header at all.

    Raises `SourceRefused`.
    """
    headers = {candidate: _first_row(pieces, candidate, limits) for candidate in Delimiter}
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


def rows_of(pieces: Pieces, delimiter: Delimiter, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not blank, with the number of the line of the file on which it begins.

    Raises `SourceRefused`.
    """
    lines = _Lines(pieces(), limits)
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


def _first_row(pieces: Pieces, delimiter: Delimiter, limits: Limits) -> list[str]:
    reader = csv.reader(_Lines(pieces(), limits), delimiter=delimiter.character, strict=True)
    try:
        return next((row for row in reader if row), [])
    except csv.Error:  # quoted otherwise than this delimiter would have it: not this one
        return []


def _too_many_rows(limit: int) -> SourceRefused:
    return SourceRefused("too-many-rows", f"The file has more than {limit} lines.")


class _Lines(Iterator[str]):
    """The lines of a file, as the csv reader takes them, each checked and decoded by itself: in UTF-8 no byte of a
    character looks like the end of a line. Within one row it gives no more than a row may have: a row may go over many
    lines inside quotation marks, and all of it would be in memory before anything counts it. Of blank lines, which are
    no rows, it gives no more than there may be rows: nobody else counts them, and a file may hold a thousand million.
    """

    def __init__(self, pieces: Iterable[bytes], limits: Limits) -> None:
        self._limit = limits.import_row_characters
        self._rows = limits.import_rows
        self._blank = 0
        self._lines = _split(pieces, _UTF8_BYTES * self._limit)
        self._given = 0
        self._row = 1
        self._line = 0

    def begin_row(self, line: int) -> None:
        """The next line, number `line`, begins a row."""
        self._given = 0
        self._row = line

    def __next__(self) -> str:
        data = next(self._lines)
        self._line += 1
        if self._line == 1:
            data = data.removeprefix(_BOM)
        if len(data) > _UTF8_BYTES * self._limit:
            raise self._too_long()
        try:
            line = data.decode("utf-8")
        except UnicodeDecodeError:
            raise SourceRefused(
                "not-utf8", "this is not UTF-8 text; save the file as CSV UTF-8.", line=self._line
            ) from None
        if "\0" in line:
            raise SourceRefused("not-text", "this is not text; save the file as CSV UTF-8.", line=self._line)
        self._given += len(line)
        if self._given > self._limit:
            raise self._too_long()
        if line in _ENDS:
            self._blank += 1
            if self._blank > self._rows:
                raise _too_many_rows(self._rows)
        return line

    def _too_long(self) -> SourceRefused:
        return SourceRefused("row-too-long", f"a row has more than {self._limit} characters.", line=self._row)


def _split(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """The lines of some pieces, with their ends (LF, CR or CR LF). What is longer than `limit` bytes is given as soon
    as that shows, so that no more is held.
    """
    rest = b""
    for part in (piece[at : at + _SPLIT_BYTES] for piece in pieces for at in range(0, len(piece), _SPLIT_BYTES)):
        lines = (rest + part).splitlines(keepends=True)
        # The last line may go on in the next piece, and after a CR an LF may follow there.
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        yield from lines
        if len(rest) > limit + _BOM_BYTES:
            yield rest
            return
    if rest:
        yield rest


def column_of(header: list[str], column: str | None) -> int:
    """The number of the column under that heading. Raises `SourceRefused`."""
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
