"""The German Handelsregister, where a number means nothing without the court that keeps it."""

import re
import unicodedata
from functools import cache

from stdnum.de.handelsregisternummer import GERMAN_COURTS

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

_CANONICAL = re.compile(r"DE:(HRA|HRB|GNR|PR|VR):([A-Z]+)-([1-9][0-9]{0,5})([A-Z]{0,3})")
_REGISTER = r"(?P<register>HR ?[AB]|GNR|PR|VR)[ .:]*(?:NR\.? ?)?"
_NUMBER = r"(?P<number>[1-9][0-9]{0,5})(?![0-9])"
_SPELT = re.compile(rf"(?<![A-Z]){_REGISTER}[0-9]", re.IGNORECASE | re.ASCII)
_FORMS = (
    re.compile(rf"{_REGISTER}{_NUMBER} ?(?P<suffix>) (?P<court>.+)", re.IGNORECASE | re.ASCII),
    re.compile(rf"{_REGISTER}{_NUMBER} ?(?P<suffix>[A-Z]{{1,3}}) (?P<court>.+)", re.IGNORECASE | re.ASCII),
    re.compile(rf"(?P<court>.+?) {_REGISTER}{_NUMBER} ?(?P<suffix>[A-Z]{{0,3}})", re.IGNORECASE | re.ASCII),
)
_COURT_WORD = re.compile(r"(?ai)\b(?:AMTSGERICHT|REGISTERGERICHT|HANDELSREGISTER|AG)\b[ .:]*(?:DES )?")
_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_BERLIN = "BERLINCHARLOTTENBURG"
_SHORT_NAMES = {
    "Bad Homburg": "Bad Homburg v.d.H.",
    "Berlin": "Berlin (Charlottenburg)",
    "Charlottenburg": "Berlin (Charlottenburg)",
    "Kempten": "Kempten (Allgäu)",
    "Ludwigshafen": "Ludwigshafen a.Rhein (Ludwigshafen)",
    "Ludwigshafen am Rhein": "Ludwigshafen a.Rhein (Ludwigshafen)",
    "Oldenburg": "Oldenburg (Oldenburg)",
    "St. Ingbert": "St. Ingbert (St Ingbert)",
    "St. Wendel": "St. Wendel (St Wendel)",
    "Weiden": "Weiden i. d. OPf.",
    "Weiden in der Oberpfalz": "Weiden i. d. OPf.",
}


def read_handelsregister(plain: str) -> str | None:
    """`DE:HRB:COURT-number`, the court in capitals without accents; None when the text speaks of no such register.

    Raises:
        InvalidIdentifier: `UNKNOWN_REGISTER`: no court, or none that keeps a register.
    """
    canonical = _CANONICAL.fullmatch(plain.upper())
    if canonical is not None and canonical[2] in _courts().values():
        return _written(canonical[1], canonical[2], canonical[3], canonical[4])
    if canonical is None and not _SPELT.search(plain):
        return None
    spelt = re.sub(r"[ ,;]+", " ", _COURT_WORD.sub("", plain)).strip()
    for form in _FORMS:
        found = form.fullmatch(spelt)
        court = _courts().get(_folded(found["court"])) if found else None
        if found and court:
            return _written(found["register"].replace(" ", ""), court, found["number"], found["suffix"])
    raise InvalidIdentifier("a number needs a court that keeps the register", reason=RejectionReason.UNKNOWN_REGISTER)


def _written(register: str, court: str, number: str, suffix: str) -> str:
    if court == _BERLIN and suffix.upper() in {"A", "B"}:  # Berlin's letter repeats the register's, written or not
        suffix = ""
    return f"DE:{register}:{court}-{number}{suffix}".upper()


@cache
def _courts() -> dict[str, str]:
    """Courts in capitals without accents, by every way to write them."""
    names = {name: name for name in GERMAN_COURTS} | _SHORT_NAMES
    plain = {_folded(name): _folded(court) for name, court in names.items()}
    return {_folded(name.lower().translate(_TRANSCRIBED)): _folded(court) for name, court in names.items()} | plain


def _folded(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.casefold().upper())
    return "".join(character for character in decomposed if character.isalpha())
