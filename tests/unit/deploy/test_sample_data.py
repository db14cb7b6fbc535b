"""The demo's sample data: the same every time, valid, and with exactly the overlaps that it says were planted."""

import csv
import hashlib
from pathlib import Path

import pytest

from deploy.demo import sample_data
from deploy.demo.identifiers import REGION
from deploy.demo.sample_data import FIRST_LINE, SampleData, write_sample_data
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise


def canonical(data: SampleData, file: str, column: str, kind: Kind) -> dict[int, str]:
    """The canonical form by line. Raises when any is invalid."""
    with data.file(file).open(newline="", encoding="utf-8") as handle:
        return {
            line: normalise(kind, row[column], REGION)
            for line, row in enumerate(csv.DictReader(handle), start=FIRST_LINE)
        }


OVERLAPS = {
    "accounts_at_bank": ("customers", "iban", "reported-accounts", "account", Kind.ACCOUNT),
    "callers_at_agencies": ("hotline-phones", "number", "agencies", "phone", Kind.PHONE),
    "accounts_at_agencies": ("reported-accounts", "account", "agencies", "account", Kind.ACCOUNT),
    "adverts_at_bank": ("advert-emails", "address", "customers", "email", Kind.EMAIL),
    "adverts_at_agencies": ("advert-emails", "address", "agencies", "email", Kind.EMAIL),
    "companies_at_agencies": ("reported-companies", "company", "agencies", "company number", Kind.COMPANY),
    "suspects_among_applicants": ("applications", "phone", "suspect-phones", "number", Kind.PHONE),
    "watched_among_applicants": ("watched-phones", "number", "applications", "phone", Kind.PHONE),
    "callers_at_bank": ("hotline-phones", "number", "customers", "mobile", Kind.PHONE),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_the_planted_overlaps_are_the_only_ones(data: SampleData, name: str) -> None:
    file, column, other_file, other_column, kind = OVERLAPS[name]
    finder = canonical(data, file, column, kind)
    others = set(canonical(data, other_file, other_column, kind).values())
    assert {line for line, one in finder.items() if one in others} == getattr(data.planted, name)


def test_every_overlap_is_covered_above() -> None:
    assert set(OVERLAPS) == set(sample_data.Planted.__dataclass_fields__)


def test_the_hotel_group_has_one_table_of_agencies_with_four_details_each(data: SampleData) -> None:
    with data.file("agencies").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 300
    assert list(rows[0]) == ["agency", "contact", "phone", "account", "email", "company number"]


def test_it_is_the_same_every_time(data: SampleData, tmp_path: Path) -> None:
    again = write_sample_data(tmp_path)
    files = sorted(file.name for file in data.folder.iterdir())
    assert len(files) == 9
    digests = [
        [hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files]
        for folder in (data.folder, again.folder)
    ]
    assert digests[0] == digests[1]


def test_a_number_that_is_only_told_in_tens_is_planted_in_tens(data: SampleData) -> None:
    assert len(data.planted.adverts_at_bank) % 10 == 0
