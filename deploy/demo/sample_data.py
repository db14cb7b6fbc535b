"""Synthetic, seeded sample data: a bank's customers and an NGO's lists, with overlaps planted in messy spellings.

Every value is valid and unique by its canonical form, so that the planted overlaps are the only ones.
"""

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
from faker import Faker

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

SEED = 20_261_124
CUSTOMERS = 10_000
HOTLINE_PHONES = 5_000
REPORTED_ACCOUNTS = 800
SHARED_PHONES = 60
SHARED_ACCOUNTS = 25
REGION = "GB"
# Faker's own British numbers are valid in one case of three; these ranges are in use, so nearly all of theirs are.
NUMBER_RANGES = ("074## ######", "077## ######", "078## ######", "079## ######", "020 7### ####", "0161 4## ####")


@dataclass(frozen=True)
class SampleData:
    """The files, and on which lines of them (header = line 1) the planted overlaps stand."""

    customers: Path
    hotline_phones: Path
    reported_accounts: Path
    customer_account_lines: frozenset[int]
    hotline_phone_lines: frozenset[int]


def write_sample_data(folder: Path) -> SampleData:
    """Write the three CSV files into `folder`."""
    chance = random.Random(SEED)
    fake = Faker("en_GB")
    fake.seed_instance(SEED)
    phones = _unique(
        Kind.PHONE, lambda: fake.numerify(chance.choice(NUMBER_RANGES)), CUSTOMERS + HOTLINE_PHONES - SHARED_PHONES
    )
    accounts = _unique(Kind.ACCOUNT, fake.iban, CUSTOMERS + REPORTED_ACCOUNTS - SHARED_ACCOUNTS)
    customer_phones, customer_accounts = phones[:CUSTOMERS], accounts[:CUSTOMERS]

    shared_customers = chance.sample(range(CUSTOMERS), SHARED_ACCOUNTS)
    shared_phones = chance.sample(customer_phones, SHARED_PHONES)
    hotline = [_messy_phone(phone, chance) for phone in shared_phones + phones[CUSTOMERS:]]
    reported = [_messy_account(customer_accounts[row], chance) for row in shared_customers] + accounts[CUSTOMERS:]
    hotline_order, reported_order = (chance.sample(range(len(rows)), len(rows)) for rows in (hotline, reported))

    customers_file, hotline_file, reported_file = (
        folder / name for name in ("customers.csv", "hotline-phones.csv", "reported-accounts.csv")
    )
    customers = (
        (f"C{row:05}", fake.name(), _messy_phone(phone, chance), account)
        for row, (phone, account) in enumerate(zip(customer_phones, customer_accounts, strict=True))
    )
    _write(customers_file, ("customer", "name", "mobile", "iban"), customers)
    _write(hotline_file, ("number", "topic"), ((hotline[row], "advert") for row in hotline_order))
    _write(reported_file, ("account",), ((reported[row],) for row in reported_order))
    return SampleData(
        customers=customers_file,
        hotline_phones=hotline_file,
        reported_accounts=reported_file,
        customer_account_lines=frozenset(row + 2 for row in shared_customers),
        hotline_phone_lines=frozenset(line for line, row in enumerate(hotline_order, start=2) if row < SHARED_PHONES),
    )


def _unique(kind: Kind, draw: Callable[[], str], count: int) -> list[str]:
    """`count` canonical identifiers, all different, from a generator that also yields invalid ones."""
    found: dict[str, None] = {}
    while len(found) < count:
        try:
            found[normalise(kind, draw(), REGION)] = None
        except InvalidIdentifier:
            continue
    return list(found)


def _messy_phone(canonical: str, chance: random.Random) -> str:
    """The same number as people write it: +44, 0044, national, with spaces and dashes."""
    number = phonenumbers.parse(canonical)
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    spellings: Sequence[str] = (
        canonical,
        international,
        "00" + international[1:],
        national,
        national.replace(" ", "-"),
        national.replace(" ", ""),
    )
    return chance.choice(spellings)


def _messy_account(canonical: str, chance: random.Random) -> str:
    """The same IBAN in groups of four, in lower case, or both."""
    grouped = " ".join(canonical[start : start + 4] for start in range(0, len(canonical), 4))
    return chance.choice((canonical, grouped, grouped.lower(), canonical.lower()))


def _write(file: Path, header: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
