"""Synthetic identifiers for the demo, each valid and different by its canonical form, and the ways people write them.

The standard library's seeded generator draws them all, so that the demo needs no generator of test data at run time.
"""

import random
from collections.abc import Callable, Sequence

import phonenumbers

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

REGION = "GB"
# Ranges that are in use: most other numbers that look British are given to nobody, and refused.
NUMBER_RANGES = ("074## ######", "077## ######", "078## ######", "079## ######", "020 7### ####", "0161 4## ####")
BANK_CODES = ("ALBN", "CLYD", "SEVN", "THMS", "TYNE", "MERS")
COMPANY_NUMBERS = ("0#######", "1#######", "SC######", "NI######")
MAILBOXES = ("office.######", "bookings-######", "contact######")
MAIL_DOMAINS = ("thames-letters.co.uk", "albion-post.org", "mail.severn-web.net")
FIRST_NAMES = ("Amira", "Ben", "Chloe", "Daniel", "Esther", "Farid", "Grace", "Hamza", "Isla", "Jonas", "Katya", "Liam")
LAST_NAMES = (
    "Ahmed",
    "Baker",
    "Costa",
    "Davies",
    "Evans",
    "Farouk",
    "Green",
    "Hughes",
    "Ivanova",
    "Jones",
    "Kaur",
    "Lewis",
)
RIVERS = ("Avon", "Clyde", "Dee", "Exe", "Humber", "Mersey", "Severn", "Tamar", "Thames", "Trent", "Tyne", "Wye")
TRADES = ("Catering", "Cleaning", "Hospitality", "Housekeeping", "Kitchen", "Laundry", "Reception", "Security")
FORMS = ("Staffing Ltd", "Recruitment Ltd", "Personnel LLP", "Agency Ltd")


class Pool:
    """Canonical identifiers of one kind, no two alike, given out once each."""

    def __init__(self, kind: Kind, chance: random.Random) -> None:
        self._kind = kind
        self._chance = chance
        self._given: set[str] = set()

    def take(self, count: int) -> list[str]:
        """The next `count` identifiers, in canonical form. What the rules of the kind refuse is drawn again."""
        taken: list[str] = []
        while len(taken) < count:
            try:
                canonical = normalise(self._kind, _DRAWS[self._kind](self._chance), REGION)
            except InvalidIdentifier:
                continue
            if canonical not in self._given:
                self._given.add(canonical)
                taken.append(canonical)
        return taken


def person(chance: random.Random) -> str:
    """A person's name."""
    return f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"


def agency(chance: random.Random) -> str:
    """The name of a staffing agency."""
    return f"{chance.choice(RIVERS)} {chance.choice(TRADES)} {chance.choice(FORMS)}"


def _phone(chance: random.Random) -> str:
    return _digits(chance.choice(NUMBER_RANGES), chance)


def _account(chance: random.Random) -> str:
    """A British IBAN; its check digits are 98 minus the remainder by 97 (ISO 13616, ISO 7064)."""
    bank, number = chance.choice(BANK_CODES), _digits("#" * 14, chance)
    as_number = "".join(str(int(character, 36)) for character in f"{bank}{number}GB00")
    return f"GB{98 - int(as_number) % 97:02}{bank}{number}"


def _email(chance: random.Random) -> str:
    return f"{_digits(chance.choice(MAILBOXES), chance)}@{chance.choice(MAIL_DOMAINS)}"


def _company(chance: random.Random) -> str:
    return _digits(chance.choice(COMPANY_NUMBERS), chance)


def _digits(pattern: str, chance: random.Random) -> str:
    return "".join(chance.choice("0123456789") if character == "#" else character for character in pattern)


_DRAWS: dict[Kind, Callable[[random.Random], str]] = {
    Kind.PHONE: _phone,
    Kind.ACCOUNT: _account,
    Kind.EMAIL: _email,
    Kind.COMPANY: _company,
}


def as_people_write(kind: Kind, canonical: str, chance: random.Random) -> str:
    """The same identifier in one of the spellings that people use for it."""
    return chance.choice(_SPELLINGS[kind](canonical))


def _phone_spellings(canonical: str) -> Sequence[str]:
    number = phonenumbers.parse(canonical)
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return (
        canonical,
        international,
        "00" + international[1:],
        national,
        national.replace(" ", "-"),
        national.replace(" ", ""),
    )


def _account_spellings(canonical: str) -> Sequence[str]:
    grouped = " ".join(canonical[start : start + 4] for start in range(0, len(canonical), 4))
    return canonical, grouped, grouped.lower(), canonical.lower()


def _email_spellings(canonical: str) -> Sequence[str]:
    return canonical, canonical.upper(), canonical.title()


def _company_spellings(canonical: str) -> Sequence[str]:
    number = canonical.rpartition(":")[2]
    return number, f"Company No. {number}", number.lower()


_SPELLINGS: dict[Kind, Callable[[str], Sequence[str]]] = {
    Kind.PHONE: _phone_spellings,
    Kind.ACCOUNT: _account_spellings,
    Kind.EMAIL: _email_spellings,
    Kind.COMPANY: _company_spellings,
}
