"""What the broker never had: the planted identifiers are looked for in every file that it keeps."""

import csv
from collections.abc import Iterator
from pathlib import Path

from deploy.demo.identifiers import REGION
from deploy.demo.sample_data import FIRST_LINE, Lines, SampleData
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise


def planted_spellings(data: SampleData) -> list[frozenset[bytes]]:
    """Each planted identifier: as its finder's file has it, and in canonical form.

    Mere digits are left out: among a megabyte of hexadecimal text some are found by chance.
    """
    planted = data.planted
    places: tuple[tuple[str, str, Kind, Lines], ...] = (
        ("customers", "iban", Kind.ACCOUNT, planted.accounts_at_bank),
        ("hotline-phones", "number", Kind.PHONE, planted.callers_at_bank | planted.callers_at_agencies),
        ("advert-emails", "address", Kind.EMAIL, planted.adverts_at_bank | planted.adverts_at_agencies),
        ("reported-accounts", "account", Kind.ACCOUNT, planted.accounts_at_agencies),
        ("reported-companies", "company", Kind.COMPANY, planted.companies_at_agencies),
        ("applications", "phone", Kind.PHONE, planted.suspects_among_applicants),
        ("watched-phones", "number", Kind.PHONE, planted.watched_among_applicants),
    )
    return [
        frozenset(spelling.encode() for spelling in (text, normalise(kind, text, REGION)) if not spelling.isdigit())
        for name, column, kind, lines in places
        for text in _cells(data.file(name), column, lines)
    ]


def seen_by(directory: Path, log: Path, planted: list[frozenset[bytes]]) -> int:
    """How many of the identifiers occur in any file of a process's directory, or in what it logged."""
    contents = [log.read_bytes(), *(file.read_bytes() for file in directory.rglob("*") if file.is_file())]
    return sum(any(spelling in content for spelling in spellings for content in contents) for spellings in planted)


def _cells(file: Path, column: str, lines: Lines) -> Iterator[str]:
    with file.open(newline="", encoding="utf-8") as handle:
        yield from (row[column] for line, row in enumerate(csv.DictReader(handle), start=FIRST_LINE) if line in lines)
