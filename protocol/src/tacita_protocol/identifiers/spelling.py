"""Spellings that differ in characters only: digits of other scripts, full-width forms, invisible marks, dashes."""

import unicodedata

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

MAX_TEXT_LENGTH = 64
"""Characters of one number as written. The longest IBAN in groups of four has 42; nothing longer is parsed."""

MAX_ADDRESS_LENGTH = 2048
"""Characters of an address as written: the longest that a browser or a mail program surely hands on."""

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # U+FF01..U+FF5E stand for ! to ~
_MINUS_SIGN = "\u2212"
_RIGHT_TO_LEFT_OVERRIDE = "\u202e"
_CONFUSED = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Alphabets whose letters look like each other's, as the first word of a character's Unicode name."""


def plain_spelling(text: str, *, max_length: int = MAX_TEXT_LENGTH) -> str:
    """`text` with every known variant of a character replaced by its ASCII form, without space at the ends.

    Decimal digits of any script and full-width forms become ASCII; dashes become `-`; spaces and tabs become a space;
    invisible format marks (direction marks of chat programs, zero-width spaces) vanish. Everything else stays as it is,
    so the caller refuses what it does not know. Not NFKC: that would also turn superscripts and circled digits into
    digits, and a footnote mark into a part of the number.

    Raises:
        InvalidIdentifier: empty, longer than `max_length` characters, a control character (a line break) inside, or a
            direction override that makes people read another number than programs do.
    """
    if len(text) > max_length:
        raise InvalidIdentifier(f"longer than {max_length} characters", reason=RejectionReason.TOO_LONG)
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isprintable()):
        stripped = "".join(map(_plain_character, stripped))
    plain = stripped.strip(" ")
    if not plain:
        raise InvalidIdentifier("no text", reason=RejectionReason.EMPTY)
    return plain


def refuse_look_alikes(word: str) -> None:
    """Refuses letters of two alphabets that are confused with each other: a Cyrillic `а` among Latin letters.

    Raises:
        InvalidIdentifier: `LOOK_ALIKE`.
    """
    if word.isascii():
        return
    alphabets = {unicodedata.name(character, "").partition(" ")[0] for character in word if character.isalpha()}
    if len(alphabets & _CONFUSED) > 1:
        raise InvalidIdentifier("letters of several alphabets in one word", reason=RejectionReason.LOOK_ALIKE)


def _plain_character(character: str) -> str:
    if character == _RIGHT_TO_LEFT_OVERRIDE:
        raise InvalidIdentifier("shows its digits in reverse", reason=RejectionReason.AMBIGUOUS)
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Cf":
        return ""
    if category == "Zs" or character == "\t":
        return " "
    if category == "Pd" or character == _MINUS_SIGN:
        return "-"
    if category == "Cc":
        raise InvalidIdentifier("contains a control character", reason=RejectionReason.NOT_PLAIN_TEXT)
    return character.translate(_FULL_WIDTH)
