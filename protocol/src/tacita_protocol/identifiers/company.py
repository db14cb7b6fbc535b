"""Companies: `country:register:number`, or the LEI (ISO 17442), with check digits verified where there are any.

One company has many numbers; no rule leads from one to another, except where a number contains the other by its
definition: these are written as the one contained (a French VAT number or SIRET as its SIREN, a Belgian VAT number as
the enterprise number). A number without its register is read only where its country has one register that it fits.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module

from stdnum.exceptions import InvalidChecksum, ValidationError

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.handelsregister import read_handelsregister
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.registers import BY_COUNTRY, BY_LABEL, SHARED_LABELS, VAT_PREFIXES, Register
from tacita_protocol.identifiers.spelling import plain_spelling, refuse_look_alikes

MAX_LENGTH = 128
"""Characters of a company's number as written, with its register's name."""

_SEPARATORS = re.compile(r"[ ./-]")
_CANONICAL = re.compile(r"([A-Z]{2}):([A-Z]+):(.*)")
_LEI = re.compile(r"(?:LEI[ :]*)?([A-Z0-9]{4}[ -]?[A-Z0-9 -]{12,24}[0-9]{2})")
_LABEL = re.compile(
    "("
    + "|".join("[ ./-]*".join(label) for label in sorted(BY_LABEL, key=len, reverse=True))
    + r")(?![A-Z])[ ./-]*(?:(?:NO?|NR|NUM|NUMBER|NUMERO)(?![A-Z])|#)?[ .:#]*(?=[A-Z0-9])"
)
_VAT_LABEL = re.compile(
    r"(?:VAT|TVA|BTW|IVA|MWST|UST-?ID(?:-?NR)?\.?|MOMS)(?![A-Z])[ .:#-]*(?:(?:NO|NR)\.?(?![A-Z]))?[ .:#]*"
)
_SWISS = re.compile(r"(CHE[0-9]{9})(?:MWST|TVA|IVA|TPV|HR|RC)?")


def normalise(text: str, region: str | None) -> str:
    """The company's number as `country:register:number` or `LEI:code`.

    Args:
        text: a number with the name of its register, a VAT number with its country, a LEI, or a bare number.
        region: ISO 3166-1 alpha-2 country of the register; needed unless the text names the country.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    plain = plain_spelling(text, max_length=MAX_LENGTH)
    if found := read_handelsregister(plain):
        return found
    refuse_look_alikes(plain)
    spelt = _without_accents(plain).upper()
    if not spelt.isascii() or not re.search(r"[0-9]", spelt):
        raise InvalidIdentifier("not written as a company's number", reason=RejectionReason.NOT_OF_THE_KIND)
    if re.search(r"[,;|]", spelt):
        raise InvalidIdentifier("may be more than one number", reason=RejectionReason.AMBIGUOUS)
    for read in (_canonical, _lei, _swiss, _vat, _labelled):
        if company := read(spelt, region):
            return company
    return _bare(spelt, region)


def _without_accents(plain: str) -> str:
    """`IČO n° 1` as `ICO n 1`: the names of registers have accents, their numbers have none."""
    decomposed = unicodedata.normalize("NFD", plain)
    return re.sub("[°º]", "", "".join(character for character in decomposed if unicodedata.category(character) != "Mn"))


def _canonical(spelt: str, region: str | None) -> str | None:  # noqa: ARG001 - one signature for all ways to read
    match = _CANONICAL.fullmatch(spelt)
    if match is None:
        return None
    country, name, number = match.groups()
    named = [register for register in BY_COUNTRY.get(country, ()) if register.name == name]
    if not named:
        raise InvalidIdentifier("no such register in this version", reason=RejectionReason.UNKNOWN_REGISTER)
    return _only(named, _SEPARATORS.sub("", number))


def _lei(spelt: str, region: str | None) -> str | None:  # noqa: ARG001 - as above
    match = _LEI.fullmatch(spelt)
    code = re.sub(r"[ -]", "", match[1]) if match else ""
    if len(code) != 20:
        if spelt.startswith("LEI"):
            raise InvalidIdentifier("a LEI has 20 characters", reason=RejectionReason.INVALID)
        return None
    if int("".join(str(int(character, 36)) for character in code)) % 97 != 1:  # ISO 7064 MOD 97-10
        raise InvalidIdentifier("check digits are wrong", reason=RejectionReason.CHECKSUM)
    return f"LEI:{code}"


def _swiss(spelt: str, region: str | None) -> str | None:  # noqa: ARG001 - as above
    match = _SWISS.fullmatch(_SEPARATORS.sub("", _VAT_LABEL.sub("", spelt, count=1).removeprefix("UID")))
    return _only(BY_COUNTRY["CH"], match[1]) if match else None


def _vat(spelt: str, region: str | None) -> str | None:  # noqa: ARG001 - as above
    """A VAT number with its country in front, which no other number has in that form."""
    compact = _SEPARATORS.sub("", _VAT_LABEL.sub("", spelt, count=1) if _VAT_LABEL.match(spelt) else spelt)
    country = VAT_PREFIXES.get(compact[:2])
    if country is None:
        return None
    number = compact[2:]
    if country == "SE" and len(number) == 12 and number.endswith("01"):  # the only sub-account that companies have
        number = number[:-2]
    if country == "NO":
        number = number.removesuffix("MVA")
    fitting = [
        register for register in BY_COUNTRY[country] if "VAT" in register.labels and register.shape.fullmatch(number)
    ]
    return _only(fitting, number) if fitting else None


def _labelled(spelt: str, region: str | None) -> str | None:
    match = _LABEL.match(spelt)
    if match is None:
        return None
    label = _SEPARATORS.sub("", match[1])
    registers = BY_LABEL[label]
    if label in SHARED_LABELS:
        if region is None:
            raise InvalidIdentifier(
                "registers of several countries have this name", reason=RejectionReason.NEEDS_REGION
            )
        registers = tuple(register for register in registers if register.country == region.upper())
        if not registers:
            raise InvalidIdentifier("no such register in this country", reason=RejectionReason.UNKNOWN_REGISTER)
    number = _SEPARATORS.sub("", spelt[match.end() :])
    if registers[0].name == "CRN" and re.fullmatch(r"[0-9]{1,7}", number):
        number = number.zfill(8)  # eight digits by the register's own rule; spreadsheets drop the zeros in front
    return _only(registers, number)


def _bare(spelt: str, region: str | None) -> str:
    compact = _SEPARATORS.sub("", spelt)
    if not re.fullmatch(r"[A-Z0-9&]+", compact) or re.search(r"[A-Z]{6}", compact):
        raise InvalidIdentifier("not written as a company's number", reason=RejectionReason.NOT_OF_THE_KIND)
    if region is None:
        raise InvalidIdentifier("a number needs its register or a region", reason=RejectionReason.NEEDS_REGION)
    registers = BY_COUNTRY.get(region.upper())
    if registers is None:
        raise InvalidIdentifier("no register of this country in this version", reason=RejectionReason.UNKNOWN_COUNTRY)
    fitting = [register for register in registers if register.shape.fullmatch(compact)]
    if fitting and not any(register.bare for register in fitting):
        raise InvalidIdentifier("other numbers look the same: name the register", reason=RejectionReason.AMBIGUOUS)
    return _only([register for register in fitting if register.bare], compact)


def _only(registers: Iterable[Register], number: str) -> str:
    """The number in the one of `registers` that it is valid in."""
    found: set[str] = set()
    reason = RejectionReason.INVALID
    for register in registers:
        spelt = number if register.shape.fullmatch(number) else number.removeprefix(register.country)
        if not register.shape.fullmatch(spelt):
            continue
        try:
            found.add(_written(register, _validated(register, spelt)))
        except InvalidChecksum:
            reason = RejectionReason.CHECKSUM
        except ValidationError:
            continue
    if len(found) > 1:
        raise InvalidIdentifier("valid in more than one register: name it", reason=RejectionReason.AMBIGUOUS)
    if not found:
        raise InvalidIdentifier("not a number of this register", reason=reason)
    return found.pop()


def _validated(register: Register, number: str) -> str:
    if not number.strip("0"):
        raise ValidationError
    return number if register.checked_by is None else str(_validator(register.checked_by)(number)).upper()


@cache
def _validator(module: str) -> Callable[[str], str]:
    validate: Callable[[str], str] = import_module(module).validate  # a name of our own table
    return validate


def _written(register: Register, number: str) -> str:
    """The canonical form; of a number that contains another by definition, that one's."""
    contained = _CONTAINS.get((register.country, register.name))
    if contained is None:
        return f"{register.country}:{register.name}:{number}"
    return contained(number)


def _french_vat(number: str) -> str:
    # Monaco has French VAT numbers without a SIREN inside.
    return f"FR:VAT:{number}" if number[2:5] == "000" else f"FR:SIREN:{number[2:]}"


_CONTAINS: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("CA", "BN"): lambda number: f"CA:BN:{number[:9]}",
    ("FR", "SIRET"): lambda number: f"FR:SIREN:{number[:9]}",
    ("FR", "VAT"): _french_vat,
    ("HU", "VAT"): lambda number: f"HU:VAT:{number[:8]}",
}
