"""A first look at a file: what its columns seem to hold, and what would become of its first lines. Nothing is kept.

A guess is one kind and one region for one column: the pair under which most of the first fields are valid. Regions are
tried only among those given (the countries in which this node's partner works), because a national number is a valid
one in many countries, and the wrong one points at a stranger. What is stated is never guessed.

Workers that do this are those that match, and a look costs next to nothing to ask for. So its work is bounded
(`GUESS_READINGS`), whatever the file and however many regions, and the route makes one at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tacita_node.config import Limits
from tacita_node.data.sources import Delimiter, Pieces, SourceRefused, column_of, detect_delimiter, rows_of
from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import REGIONAL, normalise

GUESS_ROWS = 20
"""Rows whose fields are tried."""

GUESS_COLUMNS = 32
"""Columns that are tried; one further to the right has to be named."""

GUESS_READINGS = 10_000
"""Fields times kinds times regions that are tried at most, some 0.2 s: of many columns fewer fields of each."""

SHOWN_ROWS = 10

LIKELY = 0.5
"""Share of the non-empty fields that must be valid before a column is guessed."""


@dataclass(frozen=True)
class PreviewOrder:
    """What is stated, each of it optional; `regions` are those to guess among; `whole`: this is the whole file."""

    kind: Kind | None
    column: str | None
    region: str | None
    delimiter: Delimiter | None
    regions: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class PreviewLine:
    """A line's field, and its canonical form or the reason why it has none."""

    line: int
    text: str
    canonical: str | None
    reason: str | None


@dataclass(frozen=True)
class Previewed:
    """What was stated or guessed; None where neither. `valid` of `tried` first fields are valid."""

    headings: tuple[str, ...]
    delimiter: Delimiter
    column: int | None
    kind: Kind | None
    region: str | None
    tried: int
    valid: int
    lines: tuple[PreviewLine, ...]


@dataclass(frozen=True)
class _Guess:
    column: int
    kind: Kind
    region: str | None
    valid: int
    tried: int

    @property
    def share(self) -> float:
        return self.valid / max(self.tried, 1)


@dataclass(frozen=True)
class PreviewRefused:
    """What an import would refuse in the beginning of the file, by code and sentence."""

    code: str
    message: str


def preview(beginning: bytes, order: PreviewOrder, limits: Limits) -> Previewed | PreviewRefused:
    """Looks at the beginning of a file. Runs in a worker: it tries up to `GUESS_READINGS` readings."""
    try:
        return _preview(beginning, order, limits)
    except SourceRefused as refused:
        return PreviewRefused(refused.code, str(refused))


def _preview(beginning: bytes, order: PreviewOrder, limits: Limits) -> Previewed:
    def pieces() -> Sequence[bytes]:
        return (beginning,)

    delimiter = order.delimiter or detect_delimiter(pieces, order.column, limits)
    rows = list(islice(_whole_rows(pieces, delimiter, limits, whole=order.whole), 1 + GUESS_ROWS))
    if len(rows) < 2:
        raise SourceRefused("empty", "The file has no header with lines under it.")
    headings = rows[0][1]
    data = [(number, row) for number, row in rows[1:] if len(row) == len(headings)]
    columns = range(min(len(headings), GUESS_COLUMNS)) if order.column is None else (column_of(headings, order.column),)
    guess = _best(data, columns, order)
    if guess is None:
        return Previewed(tuple(headings), delimiter, None, order.kind, order.region, 0, 0, ())
    lines = tuple(_line(number, row[guess.column], guess) for number, row in data[:SHOWN_ROWS])
    return Previewed(
        tuple(headings), delimiter, guess.column, guess.kind, guess.region, guess.tried, guess.valid, lines
    )


def _whole_rows(
    pieces: Pieces, delimiter: Delimiter, limits: Limits, *, whole: bool
) -> Iterator[tuple[int, list[str]]]:
    """All rows; without the last one when the file goes on after what we have of it."""
    held = None
    try:
        for row in rows_of(pieces, delimiter, limits):
            if held is not None:
                yield held
            held = row
    except SourceRefused:
        if whole or held is None:
            raise
        yield held  # it is whole: what was cut, in the middle of a character or a quoted field, comes after it
        return
    if held is not None and whole:
        yield held


def _best(data: list[tuple[int, list[str]]], columns: Sequence[int], order: PreviewOrder) -> _Guess | None:
    readings = tuple(_readings(order))
    fields = max(1, GUESS_READINGS // (len(readings) * max(1, len(columns))))
    guesses = [_tried(data, column, *reading, fields) for column in columns for reading in readings]
    best = max(guesses, key=lambda guess: guess.share, default=None)  # the first of equals: no region before one
    if best is None:
        return None
    best = _tried(data, best.column, best.kind, best.region, len(data))
    stated = order.kind is not None and len(columns) == 1
    return best if stated or best.share >= LIKELY else None


def _readings(order: PreviewOrder) -> Iterator[tuple[Kind, str | None]]:
    for kind in Kind if order.kind is None else (order.kind,):
        if order.region is not None:
            yield kind, order.region
            continue
        yield kind, None
        if kind in REGIONAL:
            yield from ((kind, region) for region in order.regions)


def _tried(data: list[tuple[int, list[str]]], column: int, kind: Kind, region: str | None, most: int) -> _Guess:
    fields = [row[column] for _, row in data if row[column].strip()][:most]
    return _Guess(column, kind, region, sum(_is_valid(field, kind, region) for field in fields), len(fields))


def _is_valid(field: str, kind: Kind, region: str | None) -> bool:
    try:
        normalise(kind, field, region)
    except InvalidIdentifier:
        return False
    return True


def _line(number: int, text: str, guess: _Guess) -> PreviewLine:
    try:
        return PreviewLine(number, text, normalise(guess.kind, text, guess.region), None)
    except InvalidIdentifier as error:
        return PreviewLine(number, text, None, str(error.reason))
