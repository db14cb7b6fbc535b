"""Phone numbers: any real spelling to E.164 (ITU-T E.164; metadata of Google's libphonenumber)."""

import re

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.numbering_plan import Reader, Reading, reader
from tacita_protocol.identifiers.spelling import plain_spelling

_SCHEME = re.compile(r"^tel:\s*", re.IGNORECASE)
_SPELLING = re.compile(r"[+0-9 ()./-]+")
_EXTENSION = re.compile(r"[0-9) ]\s*(?:#|x|ext|extn|extension|;ext=|доб)[^0-9]*[0-9]+", re.IGNORECASE)
_SEVERAL = re.compile(r"[,;|&]|/.*/|/\s*[0-9]{1,3}$")
_SPREADSHEET_FLOAT = re.compile(r"[0-9]\.0$")
_OLD_MEXICAN = re.compile(r"(?:1|01|044|045)([2-9][0-9]{9})")
"""Prefixes that Mexico abolished in 2019: what follows is the whole number, and no number begins with them."""
_MEXICO = 52


def normalise(text: str, region: str | None) -> str:
    """The E.164 form (`+` and up to 15 digits) of a valid phone number.

    Args:
        text: one number as somebody wrote it, with digits of any script.
        region: ISO 3166-1 alpha-2 country whose dialling rules the text follows; needed unless it begins with `+`.

    Raises:
        InvalidIdentifier: with one `RejectionReason`. A number with an extension is refused: the switchboard in front
            of it is shared by people who have nothing to do with each other.
    """
    return normalise_by(reader(), text, region)


def normalise_by(read: Reader, text: str, region: str | None) -> str:
    """As `normalise`, by a library of the caller's choice."""
    plain = _SCHEME.sub("", plain_spelling(text))
    _refuse_other_spellings(plain)
    dialled_in = None if region is None else region.upper()
    _refuse_whole_before_slash(plain, dialled_in, read)
    number = read(plain, dialled_in)
    if not number.valid:
        return _mexican(number, read)
    if number.national_form:
        _refuse_two_readings(plain, number, read)
    return number.e164


def _mexican(number: Reading, read: Reader) -> str:
    """The number without an abolished prefix; all others stay invalid."""
    old = _OLD_MEXICAN.fullmatch(number.national) if number.country_code == _MEXICO else None
    current = read(f"+{_MEXICO}{old[1]}", None) if old else number
    if not current.valid:
        raise InvalidIdentifier("not a number that the country's plan can assign", reason=RejectionReason.INVALID)
    return current.e164


def _refuse_other_spellings(plain: str) -> None:
    """The parser would look for a number inside any text and read letters as keys: only a plain number may reach it."""
    if _EXTENSION.search(plain):
        raise InvalidIdentifier("has an extension", reason=RejectionReason.EXTENSION)
    if _SEVERAL.search(plain):
        raise InvalidIdentifier("may be more than one number", reason=RejectionReason.AMBIGUOUS)
    if not _SPELLING.fullmatch(plain) or "+" in plain.lstrip("( ")[1:] or _SPREADSHEET_FLOAT.search(plain):
        raise InvalidIdentifier("not written as a phone number", reason=RejectionReason.NOT_A_NUMBER)


def _refuse_whole_before_slash(plain: str, region: str | None, read: Reader) -> None:
    """`030/23125123` has its area code before the slash; a whole number there is one of two, or has an extension."""
    before, slash, _ = plain.partition("/")
    if not slash:
        return
    try:
        whole = read(before, region).valid
    except InvalidIdentifier:
        return  # too short, or an area code without its country
    if whole:
        raise InvalidIdentifier("may be more than one number", reason=RejectionReason.AMBIGUOUS)


def _refuse_two_readings(plain: str, number: Reading, read: Reader) -> None:
    """Spreadsheets drop a leading `+` as readily as a leading `0`: `49...` in Germany may be either, of two owners."""
    digits = re.sub(r"[^0-9]", "", plain)
    if not digits.startswith(str(number.country_code)):
        return
    try:
        other = read(f"+{digits}", None)
    except InvalidIdentifier:
        return
    if other.valid and other.e164 != number.e164:
        raise InvalidIdentifier("valid with and without a country calling code", reason=RejectionReason.AMBIGUOUS)
