"""The world's numbering plans, as one of two libraries knows them.

`phonenumbers` is the reference. `rphonenumbers` (extra `fast`) has the same rules in Rust, about ten times as fast; it
reads numbers only where both are installed in exactly the versions that were compared number by number, because with
other tables two partners would disagree about numbers that a country has just begun, or ceased, to assign.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

REFERENCE = "phonenumbers"
FAST = "rphonenumbers"
COMPARED = {REFERENCE: "9.0.41", FAST: "0.1.0"}
"""The versions of the comparison: both carry the tables of libphonenumber 9.0.41."""


@dataclass(frozen=True)
class Reading:
    """A text read as a number, which need not exist.

    Attributes:
        country_code: ITU calling code.
        national: the significant number, its leading zeros kept.
        e164: `+`, calling code and significant number.
        valid: whether the country's plan can assign it.
        national_form: whether the text had no calling code, so that the region's was taken.
    """

    country_code: int
    national: str
    e164: str
    valid: bool
    national_form: bool


Reader = Callable[[str, str | None], Reading]
"""Reads a plainly spelt number by the dialling rules of a region (None: the number begins with `+`)."""


@cache
def reader() -> Reader:
    """The faster library where it is installed and was compared, else the reference."""
    return reader_by(FAST if all(_installed(name) == wanted for name, wanted in COMPARED.items()) else REFERENCE)


@cache
def reader_by(name: str) -> Reader:
    """A reader by one of the two libraries, which have the same interface.

    The reader raises `InvalidIdentifier` when the text is no number, or has a calling code or a region that nobody has.
    """
    library = _library(name)

    def read(plain: str, region: str | None) -> Reading:
        if region is not None and region not in library.SUPPORTED_REGIONS:
            raise InvalidIdentifier("no such region for phone numbers", reason=RejectionReason.UNKNOWN_COUNTRY)
        try:
            number = library.parse(plain, region, keep_raw_input=True)
        except library.NumberParseException as error:
            raise _refusal(plain, region, other=error.error_type != error.INVALID_COUNTRY_CODE) from None
        return Reading(
            country_code=int(number.country_code),
            national=str(library.national_significant_number(number)),
            e164=str(library.format_number(number, library.PhoneNumberFormat.E164)),
            valid=bool(library.is_valid_number(number)),
            national_form=number.country_code_source == library.CountryCodeSource.FROM_DEFAULT_COUNTRY,
        )

    return read


@cache
def regions(name: str) -> frozenset[str]:
    """The regions whose numbering plan one of the two libraries knows, by two letters."""
    return frozenset(_library(name).SUPPORTED_REGIONS)


def _library(name: str) -> Any:
    if name == FAST:
        import rphonenumbers

        return rphonenumbers
    import phonenumbers

    return phonenumbers


def _refusal(plain: str, region: str | None, *, other: bool) -> InvalidIdentifier:
    if other:
        return InvalidIdentifier("not a phone number", reason=RejectionReason.NOT_A_NUMBER)
    if region is None and "+" not in plain:
        return InvalidIdentifier("a national number needs a region", reason=RejectionReason.NEEDS_REGION)
    return InvalidIdentifier("no such country calling code", reason=RejectionReason.UNKNOWN_COUNTRY)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
