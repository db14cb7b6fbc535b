"""Texts that others wrote, as cells of a CSV file that a spreadsheet will open.

Spreadsheets run what begins like a formula (CSV injection, OWASP), and some of them look past what cannot be seen and
take full-width signs for the usual ones. A quote in front keeps it text.
"""

import unicodedata

_FORMULA = frozenset("=@")
_SIGN = frozenset("+-")
_NOT_A_BEGINNING = frozenset("\t\r\n")


def as_cell(text: str) -> str:
    """The text, with a quote in front where it would be run."""
    seen = (character for character in unicodedata.normalize("NFKC", text) if _is_seen(character))
    begins = next(seen, "")
    runs = begins in _FORMULA or (begins in _SIGN and not _is_number(text)) or text[:1] in _NOT_A_BEGINNING
    return f"'{text}" if runs else text


def _is_seen(character: str) -> bool:
    return character.isprintable() and not character.isspace()


def _is_number(text: str) -> bool:
    """A phone number in any usual spelling stays as it is."""
    return all(character.isdigit() or character in " ()+-./" for character in text)
