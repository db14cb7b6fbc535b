"""Bank accounts: IBAN (ISO 13616), domestic forms where they determine one, and those of countries without IBAN.

A domestic form is converted only if it is the whole national account number with check digits of its own (BBAN). Where
the IBAN needs a bank code that the form does not show (GB, NL), or the banks have rules of their own (DE, SE), two
partners could reach different IBANs: such a text is refused as ambiguous, never guessed at.
"""

import re
from collections.abc import Callable, Mapping

from schwifty import IBAN
from schwifty.exceptions import (
    InvalidBBANChecksum,
    InvalidChecksumDigits,
    InvalidCountryCode,
    SchwiftyException,
)
from schwifty.registry import get_iban_spec

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.domestic import read_domestic
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.spelling import plain_spelling

_LABEL = re.compile(r"^IBAN(?:\s*:)?\s*(?=[A-Z]{2})")
_SEPARATORS = re.compile(r"[ .-]")
_IBAN_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]*")
_SLASHED = re.compile(r"(?:([0-9]{1,6})\s*-\s*)?([0-9]{2,10})\s*/\s*([0-9]{4})")
_WHOLE: Mapping[str, re.Pattern[str]] = {
    "BA": re.compile(r"[0-9]{16}"),
    "BE": re.compile(r"[0-9]{12}"),
    "ES": re.compile(r"[0-9]{20}"),  # CCC
    "FR": re.compile(r"[0-9]{10}[A-Z0-9]{11}[0-9]{2}"),  # RIB
    "IT": re.compile(r"[A-Z][0-9]{10}[A-Z0-9]{12}"),
    "MC": re.compile(r"[0-9]{10}[A-Z0-9]{11}[0-9]{2}"),
    "ME": re.compile(r"[0-9]{18}"),
    "MK": re.compile(r"[0-9]{15}"),
    "MR": re.compile(r"[0-9]{23}"),
    "NO": re.compile(r"[0-9]{11}"),
    "PT": re.compile(r"[0-9]{21}"),  # NIB
    "RS": re.compile(r"[0-9]{18}"),
    "SI": re.compile(r"[0-9]{15}"),
    "SM": re.compile(r"[A-Z][0-9]{10}[A-Z0-9]{12}"),
    "TN": re.compile(r"[0-9]{20}"),  # RIB
}
"""Domestic forms that are the BBAN itself, by country, without separators; schwifty knows the check digits of each."""


def normalise(text: str, region: str | None) -> str:
    """The IBAN in electronic form, or `country:scheme:bank-account` where there is none; check digits are verified.

    Args:
        text: an IBAN in any spelling, or a domestic form of `region`.
        region: ISO 3166-1 alpha-2 country of a domestic form; an IBAN names its own country, which wins.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    spelt = plain_spelling(text)
    if not spelt.isascii():  # before upper(), which turns some other letters into ASCII ones
        raise InvalidIdentifier("not written as an account number", reason=RejectionReason.NOT_A_NUMBER)
    plain = _LABEL.sub("", spelt.upper())
    compact = _SEPARATORS.sub("", plain)
    if _IBAN_SHAPE.fullmatch(compact):
        return _checked(compact)
    if not re.fullmatch(r"[A-Z0-9 .:#/-]+", plain) or not re.search(r"[0-9]", plain):
        raise InvalidIdentifier("not written as an account number", reason=RejectionReason.NOT_A_NUMBER)
    if found := read_domestic(plain, region and region.upper()):
        return found
    if region is None:
        raise InvalidIdentifier("a domestic form needs a region", reason=RejectionReason.NEEDS_REGION)
    return _from_domestic(plain, compact, region.upper())


def _from_domestic(plain: str, compact: str, region: str) -> str:
    if region == "PL" and re.fullmatch(r"[0-9]{26}", compact):  # NRB: the IBAN without its country code
        return _checked(f"PL{compact}")
    if region in {"CZ", "SK"} and (slashed := _SLASHED.fullmatch(plain)):
        prefix, number, bank = slashed.groups(default="")
        return _from_whole(region, f"{bank}{prefix:0>6}{number:0>10}")
    if region in _WHOLE and _WHOLE[region].fullmatch(compact):
        return _from_whole(region, compact)
    try:
        get_iban_spec(region)
    except InvalidCountryCode:
        raise InvalidIdentifier("the region has no IBAN", reason=RejectionReason.UNKNOWN_COUNTRY) from None
    if region in _WHOLE or region in {"CZ", "PL", "SK"}:
        raise InvalidIdentifier("not a domestic form of the region", reason=RejectionReason.INVALID)
    raise InvalidIdentifier(
        "a domestic form of this region does not determine the IBAN: import the IBAN",
        reason=RejectionReason.AMBIGUOUS,
    )


def _checked(iban: str) -> str:
    """Check digits, length and structure of the country.

    National check digits inside a correct IBAN are not looked at: the rules differ by bank and by the library's
    version, and a partner that refuses what the other takes would miss the match in silence.
    """
    return _as_iban(lambda: IBAN(iban))


def _from_whole(region: str, bban: str) -> str:
    """A domestic form has no other check digits than its national ones, so these must be right."""
    return _as_iban(lambda: IBAN.from_bban(region, bban, validate_bban=True))


def _as_iban(read: Callable[[], IBAN]) -> str:
    """What the library makes of it. `from None`: its messages show the number."""
    try:
        iban = str(read())
    except InvalidCountryCode:
        raise InvalidIdentifier("no such IBAN country", reason=RejectionReason.UNKNOWN_COUNTRY) from None
    except (InvalidChecksumDigits, InvalidBBANChecksum):
        raise InvalidIdentifier("check digits are wrong", reason=RejectionReason.CHECKSUM) from None
    except SchwiftyException:
        raise InvalidIdentifier("not an account of its country", reason=RejectionReason.INVALID) from None
    if not iban[4:].strip("0"):
        raise InvalidIdentifier("a placeholder: nothing but zeros", reason=RejectionReason.INVALID)
    return iban
