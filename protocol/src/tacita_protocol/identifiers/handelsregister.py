"""The German Handelsregister, where a number means nothing without the court that keeps it."""

import re
import unicodedata
from functools import cache

from stdnum.de import handelsregisternummer
from stdnum.exceptions import ValidationError

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

_CANONICAL = re.compile(r"DE:(HRA|HRB|GNR|PR|VR):([A-Z]+)-([1-9][0-9]{0,5})([A-ZÖ]{0,3})")
_SPELT = re.compile(r"\b(?:HR ?[AB]|GNR|VR|PR)[ .:]*(?:NR\.? ?)?[0-9]", re.IGNORECASE)
_COURT_WORD = re.compile(r"\b(?:AMTSGERICHT|REGISTERGERICHT|HANDELSREGISTER|AG)\b[ .:]*(?:DES )?", re.IGNORECASE)
_REGISTER = re.compile(r"\b(HR) ?([AB])[ .:]*(?:NR\.? ?)?(?=[0-9])", re.IGNORECASE)
_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_NAMES = {"HRA": "HRA", "HRB": "HRB", "GNR": "GnR", "PR": "PR", "VR": "VR"}
_BERLIN = "BERLINCHARLOTTENBURG"


def read_handelsregister(plain: str) -> str | None:
    """`DE:HRB:COURT-number`; None when the text speaks of no such register.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    if canonical := _CANONICAL.fullmatch(plain.upper()):
        kind, court, number, suffix = canonical.groups()
        return _checked(f"{court} {_NAMES[kind]} {number} {suffix}".strip())
    if not _SPELT.search(plain):
        return None
    spelt = _REGISTER.sub(lambda found: f"{found.group(1)}{found.group(2)} ".upper(), _COURT_WORD.sub("", plain))
    return _checked(re.sub(r"[ ,;()]+", " ", spelt).strip())


def _checked(spelt: str) -> str:
    for text in (spelt, _with_umlauts(spelt)):
        try:
            found = handelsregisternummer.validate(text)
        except ValidationError:
            continue
        # The library gives "court register number [suffix]", the court in its official spelling.
        match = re.fullmatch(r"(.*) (HRA|HRB|PR|GnR|VR) ([0-9]+) ?([A-ZÖ]*)", found, re.IGNORECASE)
        if match is None:
            continue
        court, register, number, suffix = match[1], match[2].upper(), match[3], match[4].upper()
        folded = _folded(court)
        if folded == _BERLIN and suffix == "B":  # Berlin puts its letter behind every number, others write it or not
            suffix = ""
        return f"DE:{register}:{folded}-{number}{suffix}"
    raise InvalidIdentifier(
        "the register's number needs a court that keeps one", reason=RejectionReason.UNKNOWN_REGISTER
    )


def _folded(court: str) -> str:
    decomposed = unicodedata.normalize("NFD", court.upper())
    return "".join(character for character in decomposed if "A" <= character <= "Z")


def _with_umlauts(spelt: str) -> str:
    """The text with a court's name in its official spelling where it is transcribed (`Muenchen`)."""
    for transcribed, court in _transcribed_courts().items():
        if transcribed in spelt.lower():
            return re.sub(re.escape(transcribed), court, spelt, flags=re.IGNORECASE)
    return spelt


@cache
def _transcribed_courts() -> dict[str, str]:
    courts = {court.lower().translate(_TRANSCRIBED): court for court in handelsregisternummer.GERMAN_COURTS}
    return {transcribed: court for transcribed, court in courts.items() if transcribed != court.lower()}
