"""The table of real spellings: each row of tests/vectors/identifiers/ says what becomes of one text, and why."""

import re
from collections import Counter

import pytest

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind, RejectionReason
from tacita_protocol.identifiers.normalise import REGIONAL, normalise
from tests.support.spellings import TABLES, Row, rows_of

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\xa0\u00ad\u0300-\u036f\u2000-\u200f\u2011\u2028-\u202f\u2060-\u206f\ufeff]"
)
ROWS = [row for kind in Kind for row in rows_of(kind)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}: {ascii(row.spelling)[:40]}, {row.region}")
def test_a_spelling_becomes_what_the_table_says(row: Row) -> None:
    assert _outcome(row.kind, row.spelling, row.region) == row.expected


@pytest.mark.parametrize("row", [row for row in ROWS if row.accepted], ids=lambda row: row.expected)
def test_a_canonical_form_is_its_own_canonical_form(row: Row) -> None:
    assert normalise(row.kind, row.expected) == row.expected
    assert normalise(row.kind, row.expected, row.region) == row.expected


def test_a_region_changes_something_for_the_regional_kinds_and_for_no_other() -> None:
    changed = {
        row.kind
        for row in ROWS
        if _outcome(row.kind, row.spelling, None) != _outcome(row.kind, row.spelling, row.region or "GB")
    }
    assert changed == REGIONAL


def _outcome(kind: Kind, text: str, region: str | None) -> str:
    try:
        return normalise(kind, text, region)
    except InvalidIdentifier as error:
        return f"!{error.reason}"


def test_the_table_covers_countries_kinds_and_every_reason() -> None:
    assert len(ROWS) >= 400
    assert len({row.country for row in ROWS} - {""}) >= 25
    assert min(Counter(row.kind for row in ROWS).values()) >= 20
    assert {row.expected[1:] for row in ROWS if not row.accepted} == {reason.value for reason in RejectionReason}


def test_no_row_is_there_twice() -> None:
    assert [
        row for row, times in Counter((row.kind, row.spelling, row.region) for row in ROWS).items() if times > 1
    ] == []


@pytest.mark.parametrize("kind", Kind)
def test_what_does_not_show_is_written_as_an_escape(kind: Kind) -> None:
    for line in (TABLES / f"{kind}.tsv").read_text(encoding="utf-8").split("\n"):
        assert not _HIDDEN.search(line), ascii(line)
        assert line.split("\t")[0] == line.split("\t")[0].strip()
