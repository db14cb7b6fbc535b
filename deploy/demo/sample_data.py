"""Synthetic, seeded sample data: a bank's customers, a hotel group's agencies, an NGO's lists, with planted overlaps.

Every identifier is valid and unique by its canonical form, so the planted overlaps are the only ones. They are written
in different spellings on the two sides.
"""

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.identifiers import Pool, agency, as_people_write, person
from tacita_protocol.identifiers.kind import Kind

SEED = 20_261_124
CUSTOMERS = 10_000
AGENCIES = 300
APPLICANTS = 40
HOTLINE_PHONES = 5_000
REPORTED_ACCOUNTS = 800
REPORTED_COMPANIES = 120
SUSPECT_PHONES = 300
WATCHED_PHONES = 50
ADVERT_EMAILS = 400

ACCOUNTS_AT_BANK = 25
CALLERS_AT_BANK = 60
ADVERTS_AT_BANK = 30
"""A multiple of ten: what is only counted is told in tens."""
CALLERS_AT_AGENCIES = 7
ACCOUNTS_AT_AGENCIES = 6
ADVERTS_AT_AGENCIES = 8
COMPANIES_AT_AGENCIES = 5
SUSPECTS_AMONG_APPLICANTS = 3
WATCHED_AMONG_APPLICANTS = 4

FIRST_LINE = 2
"""The header is line 1."""

Lines = frozenset[int]


@dataclass(frozen=True)
class Planted:
    """Where each planted overlap stands: the lines of the file of the side that is to find it."""

    accounts_at_bank: Lines
    """Of customers.csv: accounts that were reported to the NGO."""
    callers_at_bank: Lines
    """Of hotline-phones.csv."""
    adverts_at_bank: Lines
    """Of advert-emails.csv; only their number is asked for."""
    callers_at_agencies: Lines
    accounts_at_agencies: Lines
    adverts_at_agencies: Lines
    companies_at_agencies: Lines
    """Of the NGO's four lists: what belongs to an agency of the hotel group."""
    suspects_among_applicants: Lines
    """Of applications.csv."""
    watched_among_applicants: Lines
    """Of watched-phones.csv: the NGO finds them and the hotel group does not hear of it."""


@dataclass(frozen=True)
class SampleData:
    """The folder of the files, and the planted overlaps."""

    folder: Path
    planted: Planted

    def file(self, name: str) -> Path:
        """One of the files."""
        return self.folder / f"{name}.csv"


def write_sample_data(folder: Path) -> SampleData:
    """Write the eight CSV files into `folder`. The same bytes every time."""
    chance = random.Random(SEED)
    phones, accounts, emails, companies = (
        Pool(kind, chance) for kind in (Kind.PHONE, Kind.ACCOUNT, Kind.EMAIL, Kind.COMPANY)
    )
    customers = _Table(phones.take(CUSTOMERS), accounts.take(CUSTOMERS), emails.take(CUSTOMERS))
    agencies = _Table(phones.take(AGENCIES), accounts.take(AGENCIES), emails.take(AGENCIES), companies.take(AGENCIES))
    applicants = phones.take(APPLICANTS)

    # Agencies with something to hide have several details on the NGO's lists.
    reported_customers = chance.sample(range(CUSTOMERS), ACCOUNTS_AT_BANK)
    looked_into = chance.sample(range(APPLICANTS), SUSPECTS_AMONG_APPLICANTS + WATCHED_AMONG_APPLICANTS)
    suspect_rows, watched_rows = looked_into[:SUSPECTS_AMONG_APPLICANTS], looked_into[SUSPECTS_AMONG_APPLICANTS:]
    bad_agencies = chance.sample(range(AGENCIES), ADVERTS_AT_AGENCIES)

    hotline = _List(folder / "hotline-phones.csv", "number", Kind.PHONE, HOTLINE_PHONES)
    at_bank, at_agencies = hotline.write(
        phones, chance, chance.sample(customers.phones, CALLERS_AT_BANK),
        [agencies.phones[row] for row in bad_agencies[:CALLERS_AT_AGENCIES]],
    )  # fmt: skip
    reported = _List(folder / "reported-accounts.csv", "account", Kind.ACCOUNT, REPORTED_ACCOUNTS)
    _, reported_agencies = reported.write(
        accounts, chance, [customers.accounts[row] for row in reported_customers],
        [agencies.accounts[row] for row in bad_agencies[:ACCOUNTS_AT_AGENCIES]],
    )  # fmt: skip
    adverts = _List(folder / "advert-emails.csv", "address", Kind.EMAIL, ADVERT_EMAILS)
    adverts_at_bank, adverts_at_agencies = adverts.write(
        emails, chance, chance.sample(customers.emails, ADVERTS_AT_BANK),
        [agencies.emails[row] for row in bad_agencies],
    )  # fmt: skip
    named = _List(folder / "reported-companies.csv", "company", Kind.COMPANY, REPORTED_COMPANIES)
    (named_agencies,) = named.write(
        companies, chance, [agencies.companies[row] for row in bad_agencies[:COMPANIES_AT_AGENCIES]]
    )
    suspects = _List(folder / "suspect-phones.csv", "number", Kind.PHONE, SUSPECT_PHONES)
    suspects.write(phones, chance, [applicants[row] for row in suspect_rows])
    watched = _List(folder / "watched-phones.csv", "number", Kind.PHONE, WATCHED_PHONES)
    (watched_lines,) = watched.write(phones, chance, [applicants[row] for row in watched_rows])

    _write_customers(folder / "customers.csv", customers, chance)
    _write_agencies(folder / "agencies.csv", agencies, chance)
    _write(
        folder / "applications.csv", ("agency", "phone"),
        ((agency(chance), as_people_write(Kind.PHONE, phone, chance)) for phone in applicants),
    )  # fmt: skip
    return SampleData(
        folder,
        Planted(
            accounts_at_bank=frozenset(row + FIRST_LINE for row in reported_customers),
            callers_at_bank=at_bank,
            adverts_at_bank=adverts_at_bank,
            callers_at_agencies=at_agencies,
            accounts_at_agencies=reported_agencies,
            adverts_at_agencies=adverts_at_agencies,
            companies_at_agencies=named_agencies,
            suspects_among_applicants=frozenset(row + FIRST_LINE for row in suspect_rows),
            watched_among_applicants=watched_lines,
        ),
    )


@dataclass(frozen=True)
class _Table:
    """Columns of one source table; row i of each belongs to the same customer or agency."""

    phones: Sequence[str]
    accounts: Sequence[str]
    emails: Sequence[str]
    companies: Sequence[str] = ()


@dataclass(frozen=True)
class _List:
    """A list of the NGO: what it shares with others, and what nobody else has, in any order and spelling."""

    file: Path
    column: str
    kind: Kind
    size: int

    def write(self, pool: Pool, chance: random.Random, *shared: Sequence[str]) -> tuple[Lines, ...]:
        """Write the file; of each group of shared identifiers the lines on which they stand."""
        rows = [canonical for group in shared for canonical in group]
        rows += pool.take(self.size - len(rows))
        chance.shuffle(rows)
        _write(self.file, (self.column,), ((as_people_write(self.kind, row, chance),) for row in rows))
        line_of = {canonical: line for line, canonical in enumerate(rows, start=FIRST_LINE)}
        return tuple(frozenset(line_of[canonical] for canonical in group) for group in shared)


def _write_customers(file: Path, table: _Table, chance: random.Random) -> None:
    rows = zip(table.phones, table.accounts, table.emails, strict=True)
    _write(
        file,
        ("customer", "name", "mobile", "iban", "email"),
        (
            (f"C{row:05}", person(chance), as_people_write(Kind.PHONE, phone, chance), account, email)
            for row, (phone, account, email) in enumerate(rows)
        ),
    )


def _write_agencies(file: Path, table: _Table, chance: random.Random) -> None:
    rows = zip(table.phones, table.accounts, table.emails, table.companies, strict=True)
    _write(
        file,
        ("agency", "contact", "phone", "account", "email", "company number"),
        (
            (
                agency(chance),
                person(chance),
                *(
                    as_people_write(kind, canonical, chance)
                    for kind, canonical in zip((Kind.PHONE, Kind.ACCOUNT, Kind.EMAIL, Kind.COMPANY), row, strict=True)
                ),
            )
            for row in rows
        ),
    )


def _write(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
