"""Phone numbers: any real spelling to E.164 (ITU-T E.164; metadata of Google's libphonenumber)."""

import re

import phonenumbers
from phonenumbers import CountryCodeSource, NumberParseException, PhoneNumber, PhoneNumberFormat

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.spelling import plain_spelling

VERSION = "1"
"""Changes with every change that gives another canonical form for a text."""

_SCHEME = re.compile(r"^tel:\s*", re.IGNORECASE)
_SPELLING = re.compile(r"[+0-9 ()./-]+")
_EXTENSION = re.compile(r"[0-9) ]\s*(?:#|x|ext|extn|extension|;ext=|доб)[^0-9]*[0-9]+", re.IGNORECASE)
_SEVERAL = re.compile(r"[,;|&]|/.*/|/\s*[0-9]{1,3}$")
_SPREADSHEET_FLOAT = re.compile(r"[0-9]\.0$")


def normalise(text: str, region: str | None) -> str:
    """The E.164 form (`+` and up to 15 digits) of a valid phone number.

    Args:
        text: one number as somebody wrote it, with digits of any script.
        region: ISO 3166-1 alpha-2 country whose dialling rules the text follows; needed unless it begins with `+`.

    Raises:
        InvalidIdentifier: with one `RejectionReason`. A number with an extension is refused: the switchboard in front
            of it is shared by people who have nothing to do with each other.
    """
    plain = _SCHEME.sub("", plain_spelling(text))
    _refuse_other_spellings(plain)
    known_region = _known_region(region)
    number = _parsed(plain, known_region)
    if not phonenumbers.is_valid_number(number):
        raise InvalidIdentifier("not a number that the country's plan can assign", reason=RejectionReason.INVALID)
    canonical = _e164(number)
    if number.country_code_source == CountryCodeSource.FROM_DEFAULT_COUNTRY:
        _refuse_two_readings(plain, number.country_code, canonical)
    return canonical


def _refuse_other_spellings(plain: str) -> None:
    """The parser would look for a number inside any text and read letters as keys: only a plain number may reach it."""
    if _EXTENSION.search(plain):
        raise InvalidIdentifier("has an extension", reason=RejectionReason.EXTENSION)
    if _SEVERAL.search(plain):
        raise InvalidIdentifier("may be more than one number", reason=RejectionReason.AMBIGUOUS)
    if not _SPELLING.fullmatch(plain) or "+" in plain.lstrip("( ")[1:] or _SPREADSHEET_FLOAT.search(plain):
        raise InvalidIdentifier("not written as a phone number", reason=RejectionReason.NOT_A_NUMBER)


def _known_region(region: str | None) -> str | None:
    if region is None:
        return None
    upper = region.upper()
    if upper not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidIdentifier("no such region for phone numbers", reason=RejectionReason.UNKNOWN_COUNTRY)
    return upper


def _parsed(plain: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(plain, region, keep_raw_input=True)
    except NumberParseException as error:
        if error.error_type != NumberParseException.INVALID_COUNTRY_CODE:
            raise InvalidIdentifier("not a phone number", reason=RejectionReason.NOT_A_NUMBER) from None
        if region is None and "+" not in plain:
            raise InvalidIdentifier("a national number needs a region", reason=RejectionReason.NEEDS_REGION) from None
        raise InvalidIdentifier("no such country calling code", reason=RejectionReason.UNKNOWN_COUNTRY) from None


def _refuse_two_readings(plain: str, country_code: int | None, canonical: str) -> None:
    """Spreadsheets drop a leading `+` as readily as a leading `0`: `49...` in Germany may be either, of two owners."""
    digits = re.sub(r"[^0-9]", "", plain)
    if not digits.startswith(str(country_code)):
        return
    try:
        other = phonenumbers.parse(f"+{digits}")
    except NumberParseException:
        return
    if phonenumbers.is_valid_number(other) and _e164(other) != canonical:
        raise InvalidIdentifier("valid with and without a country calling code", reason=RejectionReason.AMBIGUOUS)


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
