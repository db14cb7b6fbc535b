"""Domestic account numbers of countries without IBAN, as `country:scheme:bank-account`.

Only schemes in which the bank's code has a fixed length or shape, so that everybody cuts the number alike. Where there
are check digits they are verified. Zeros in front of an account's number stay as they are written: whether they count
is the bank's affair.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stdnum import luhn
from stdnum.ar import cbu
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.nz import bankaccount
from stdnum.us import rtn

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

_CANONICAL = re.compile(r"([A-Z]{2}):([A-Z]+):([A-Z0-9-]+)")
_LABELS = re.compile(
    r"\b(?:A/C|ABA|ACC(?:T|OUNT)?|AC|BANK|BRANCH|BSB|CBU|CLABE|CODE|IFSC|INSTITUTION|NO|NR|NUBAN|NUMBER|ROUTING"
    r"|RTN|TRANSIT|TRANSIT/ABA)(?![A-Z])"
)
_CODE_BEHIND = re.compile(r"[0-9].*\b(?:ABA|BSB|ROUTING|RTN)(?![A-Z])[^0-9]*[0-9]")
"""The bank's code behind the account: what stands in front may be long enough to pass for a code."""
_GROUPED = re.compile(r"[0-9].*\b(?:A/C|AC|ACC(?:T|OUNT)?)(?![A-Z])[^0-9]*[0-9][0-9 -]*\Z")
"""The account behind its own label, and nothing else behind it: blanks only group its digits."""
_NOISE = re.compile(r"[ :#./]+")
_CLABE_WEIGHTS = (3, 7, 1)
_NUBAN_WEIGHTS = (3, 7, 3)


@dataclass(frozen=True)
class Scheme:
    """How a country writes account numbers.

    Attributes:
        name: in canonical forms.
        pattern: of a spelt number without labels, its parts separated by one space or hyphen.
        write: the number in canonical form; raises stdnum's `ValidationError`.
        open_ended: accounts have no fixed length, so that another number may follow one.
    """

    name: str
    pattern: re.Pattern[str]
    write: Callable[[re.Match[str]], str]
    open_ended: bool = False


def read_domestic(plain: str, region: str | None) -> str | None:
    """The account of `region`, or of the country that a canonical form names.

    Args:
        plain: in capitals, ASCII.
        region: ISO 3166-1 alpha-2 country in capitals.

    Returns:
        None when this module knows no scheme of the country.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    if canonical := _CANONICAL.fullmatch(plain):
        country, name, number = canonical.groups()
        scheme = SCHEMES.get(country)
        if scheme is None or scheme.name != name:
            raise InvalidIdentifier("no such scheme in this version", reason=RejectionReason.UNKNOWN_REGISTER)
        return _read(country, scheme, number)
    scheme = SCHEMES.get(region or "")
    if scheme is None or region is None:
        return None
    if _CODE_BEHIND.search(plain):
        raise InvalidIdentifier("write the bank's code in front of the account", reason=RejectionReason.AMBIGUOUS)
    spelt = _NOISE.sub(" ", _LABELS.sub(" ", plain)).strip()
    return _read(region, scheme, spelt, grouped=_GROUPED.search(plain) is not None)


def _read(country: str, scheme: Scheme, spelt: str, *, grouped: bool = False) -> str:
    match = scheme.pattern.fullmatch(spelt)
    if match is None:
        raise InvalidIdentifier("not a domestic form of the region", reason=RejectionReason.INVALID)
    if scheme.open_ended and not grouped and re.search(r"[ -]", match[2]):
        # As at the foot of a cheque: "routing account cheque-number".
        raise InvalidIdentifier("one number or several: label the account", reason=RejectionReason.AMBIGUOUS)
    try:
        number = scheme.write(match)
    except InvalidChecksum:
        raise InvalidIdentifier("check digits are wrong", reason=RejectionReason.CHECKSUM) from None
    except ValidationError:
        raise InvalidIdentifier("not an account of its country", reason=RejectionReason.INVALID) from None
    if not re.sub(r"[^0-9]", "", number).strip("0"):
        raise InvalidIdentifier("a placeholder: nothing but zeros", reason=RejectionReason.INVALID)
    return f"{country}:{scheme.name}:{number}"


def _joined(match: re.Match[str]) -> str:
    return "-".join(_digits(part) for part in match.groups())


def _digits(part: str) -> str:
    return re.sub(r"[ -]", "", part)


def _american(match: re.Match[str]) -> str:
    rtn.validate(match[1])
    return _joined(match)


def _canadian(match: re.Match[str]) -> str:
    """`0`, institution, transit, as payments are sent; cheques print transit and institution the other way round."""
    if match["transit"]:
        return f"0{match['institution']}{match['transit']}-{match['account']}"
    return f"{match['eft']}-{match['account_eft']}"


def _indian(match: re.Match[str]) -> str:
    return f"{match['ifsc'] or match['ifsc_last']}-{match['account'] or match['account_first']}"


def _new_zealand(match: re.Match[str]) -> str:
    return bankaccount.format(bankaccount.validate("-".join(match.groups())))


def _clabe(match: re.Match[str]) -> str:
    digits = _digits(match[1])
    weighted = (int(digit) * _CLABE_WEIGHTS[i % 3] % 10 for i, digit in enumerate(digits[:17]))
    if (10 - sum(weighted) % 10) % 10 != int(digits[17]):
        raise InvalidChecksum
    return digits


def _nuban(match: re.Match[str]) -> str:
    digits = match[1] + match[2]
    weighted = (int(digit) * _NUBAN_WEIGHTS[i % 3] for i, digit in enumerate(digits[:12]))
    if (10 - sum(weighted) % 10) % 10 != int(digits[12]):
        raise InvalidChecksum
    return _joined(match)


_ACCOUNT = r"([0-9](?:[ -]?[0-9]){%d,%d})"
SCHEMES: Mapping[str, Scheme] = {
    "AR": Scheme("CBU", re.compile(r"([0-9]{8}[ -]?[0-9]{14})"), lambda match: str(cbu.validate(match[1]))),
    "AU": Scheme("BSB", re.compile(r"([0-9]{3}[ -]?[0-9]{3})[ -]" + _ACCOUNT % (4, 8)), _joined, open_ended=True),
    "CA": Scheme(
        "EFT",
        re.compile(
            r"(?P<transit>[0-9]{5})[ -](?P<institution>[0-9]{3})[ -](?P<account>[0-9]{7,12})"
            r"|(?P<eft>0[0-9]{8})[ -](?P<account_eft>[0-9]{7,12})"
        ),
        _canadian,
    ),
    "CN": Scheme(
        "UNIONPAY",
        re.compile(r"(62[0-9]{2}(?:[ -]?[0-9]){12,15})"),
        lambda match: str(luhn.validate(_digits(match[1]))),
    ),
    "IN": Scheme(
        "IFSC",
        re.compile(
            r"(?P<ifsc>[A-Z]{4}0[A-Z0-9]{6})[ -](?P<account>[0-9]{9,18})"
            r"|(?P<account_first>[0-9]{9,18}) (?P<ifsc_last>[A-Z]{4}0[A-Z0-9]{6})"
        ),
        _indian,
    ),
    "JP": Scheme("ZENGIN", re.compile(r"([0-9]{4})[ -]([0-9]{3})[ -]([124])[ -]([0-9]{7})"), _joined),
    "MX": Scheme("CLABE", re.compile(r"([0-9](?:[ -]?[0-9]){17})"), _clabe),
    "NG": Scheme("NUBAN", re.compile(r"([0-9]{3})[ -]([0-9]{10})"), _nuban),
    "NZ": Scheme("BECS", re.compile(r"([0-9]{1,2})[ -]([0-9]{1,4})[ -]([0-9]{1,7})[ -]([0-9]{1,3})"), _new_zealand),
    "US": Scheme("ABA", re.compile(r"([0-9]{9})[ -]" + _ACCOUNT % (3, 16)), _american, open_ended=True),
}
"""By country."""
