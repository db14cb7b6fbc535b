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
SUSPECT_PHONES = 300
ADVERT_EMAILS = 400
SHARED_PHONES = 60
SHARED_ACCOUNTS = 25
SHARED_SUSPECTS = 9
SHARED_EMAILS = 30
"""A multiple of ten: what is only counted is told in tens."""
REGION = "GB"
# Faker's own British numbers are valid in one case of three; these ranges are in use, so nearly all of theirs are.
NUMBER_RANGES = ("074## ######", "077## ######", "078## ######", "079## ######", "020 7### ####", "0161 4## ####")
MAILBOXES = ("office.######", "bookings-######", "contact######")
MAIL_DOMAINS = ("thames-letters.co.uk", "albion-post.org", "mail.severn-web.net")


@dataclass(frozen=True)
class SampleData:
    """The files, and on which lines of them (header = line 1) the planted overlaps stand."""

    customers: Path
    hotline_phones: Path
    reported_accounts: Path
    suspect_phones: Path
    advert_emails: Path
    customer_account_lines: frozenset[int]
    hotline_phone_lines: frozenset[int]
    suspect_phone_lines: frozenset[int]
    advert_email_lines: frozenset[int]


def write_sample_data(folder: Path) -> SampleData:
    """Write the five CSV files into `folder`."""
    chance = random.Random(SEED)
    fake = Faker("en_GB")
    fake.seed_instance(SEED)
    phones = _unique(
        Kind.PHONE,
        lambda: fake.numerify(chance.choice(NUMBER_RANGES)),
        CUSTOMERS + HOTLINE_PHONES + SUSPECT_PHONES - SHARED_PHONES - SHARED_SUSPECTS,
    )
    accounts = _unique(Kind.ACCOUNT, fake.iban, CUSTOMERS + REPORTED_ACCOUNTS - SHARED_ACCOUNTS)
    emails = _unique(
        Kind.EMAIL,
        lambda: f"{fake.numerify(chance.choice(MAILBOXES))}@{chance.choice(MAIL_DOMAINS)}",
        CUSTOMERS + ADVERT_EMAILS - SHARED_EMAILS,
    )
    customer_phones, customer_accounts, customer_emails = phones[:CUSTOMERS], accounts[:CUSTOMERS], emails[:CUSTOMERS]
    other_phones = phones[CUSTOMERS:]
    hotline_only = other_phones[: HOTLINE_PHONES - SHARED_PHONES]
    suspects_only = other_phones[HOTLINE_PHONES - SHARED_PHONES :]

    shared_customers = chance.sample(range(CUSTOMERS), SHARED_ACCOUNTS)
    hotline = _List(
        folder / "hotline-phones.csv", "number", chance.sample(customer_phones, SHARED_PHONES), hotline_only
    )
    suspects = _List(folder / "suspects.csv", "number", chance.sample(customer_phones, SHARED_SUSPECTS), suspects_only)
    adverts = _List(
        folder / "advert-emails.csv", "address", chance.sample(customer_emails, SHARED_EMAILS), emails[CUSTOMERS:]
    )
    reported = _List(
        folder / "reported-accounts.csv",
        "account",
        [customer_accounts[row] for row in shared_customers],
        accounts[CUSTOMERS:],
    )
    customers_file = folder / "customers.csv"
    customers = (
        (f"C{row:05}", fake.name(), _messy_phone(phone, chance), account, email)
        for row, (phone, account, email) in enumerate(
            zip(customer_phones, customer_accounts, customer_emails, strict=True)
        )
    )
    _write(customers_file, ("customer", "name", "mobile", "iban", "email"), customers)
    reported.write(_messy_account, chance)
    return SampleData(
        customers=customers_file,
        hotline_phones=hotline.file,
        reported_accounts=reported.file,
        suspect_phones=suspects.file,
        advert_emails=adverts.file,
        customer_account_lines=frozenset(row + 2 for row in shared_customers),
        hotline_phone_lines=hotline.write(_messy_phone, chance),
        suspect_phone_lines=suspects.write(_messy_phone, chance),
        advert_email_lines=adverts.write(_messy_email, chance),
    )


@dataclass(frozen=True)
class _List:
    """An NGO's list: what it shares with the bank's customers, what it does not, in any order and spelling."""

    file: Path
    column: str
    shared: Sequence[str]
    others: Sequence[str]

    def write(self, messy: Callable[[str, random.Random], str], chance: random.Random) -> frozenset[int]:
        """Write the file; the lines (header = line 1) of what is shared."""
        rows = [*self.shared, *self.others]
        order = chance.sample(range(len(rows)), len(rows))
        _write(self.file, (self.column,), ((messy(rows[row], chance),) for row in order))
        return frozenset(line for line, row in enumerate(order, start=2) if row < len(self.shared))


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


def _messy_email(canonical: str, chance: random.Random) -> str:
    """The same address with capital letters, as people write it."""
    return chance.choice((canonical, canonical.upper(), canonical.title()))


def _write(file: Path, header: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(rows)
