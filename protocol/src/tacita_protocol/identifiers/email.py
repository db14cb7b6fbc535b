"""E-mail addresses (RFC 5321, RFC 6531): local part folded in case, domain by IDNA 2008 in its ASCII form.

Dots and `+tags` in the local part stay: only some providers ignore them, and which do is not in the address.
"""

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason
from tacita_protocol.identifiers.spelling import MAX_ADDRESS_LENGTH, plain_spelling, refuse_look_alikes

_SCHEME = re.compile(r"^mailto:\s*", re.IGNORECASE | re.ASCII)
_BRACKETS = re.compile(r"<([^<>]*)>")
_JOINERS = re.compile("[\u200c\u200d]")
_APOSTROPHE = "\u2019"
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Characters that show nothing and are no format marks, which have vanished already (Default_Ignorable_Code_Point)."""


def normalise(text: str, region: str | None) -> str:  # noqa: ARG001 - one signature for all kinds
    """The address as `local@domain`, in lower case.

    Args:
        text: one address as somebody wrote it, bare, in angle brackets or after `mailto:`.
        region: not used.

    Raises:
        InvalidIdentifier: with one `RejectionReason`.
    """
    plain = _SCHEME.sub("", plain_spelling(text, max_length=MAX_ADDRESS_LENGTH))
    if bracketed := _BRACKETS.fullmatch(plain):
        plain = bracketed.group(1).strip(" ")
    _refuse_other_forms(plain)
    local, _, domain = plain.partition("@")
    if not domain.isascii() and _JOINERS.search(text):
        raise InvalidIdentifier("invisible joiners may be part of this domain", reason=RejectionReason.AMBIGUOUS)
    for word in (local, *domain.split(".")):
        refuse_look_alikes(word)
    return _checked(f"{_folded(local)}@{domain}")


def _refuse_other_forms(plain: str) -> None:
    """The validator would look into quotes and brackets; what is in there, two programs read differently."""
    if '"' in plain or "(" in plain or ")" in plain:
        raise InvalidIdentifier("quotes or comments in the address", reason=RejectionReason.UNSUPPORTED)
    if re.search(r"[,;|]", plain) or plain.count("@") > 1:
        raise InvalidIdentifier("may be more than one address", reason=RejectionReason.AMBIGUOUS)
    if plain.count("@") != 1 or re.search(r"[<>\s?]", plain.partition("@")[2]) or re.search(r"[<>\s]", plain):
        raise InvalidIdentifier("not written as an e-mail address", reason=RejectionReason.NOT_OF_THE_KIND)
    if "@[" in plain:
        raise InvalidIdentifier("an address of a machine, not of a domain", reason=RejectionReason.UNSUPPORTED)


def _folded(local: str) -> str:
    """Canonical caseless form (Unicode, definition D145), composed as mail programs write it.

    Only where folding is a matter of case: full folding also makes `ss` of a sharp s and `s` of a long one, and these
    are other people's mailboxes.
    """
    if _INVISIBLE.search(local):
        raise InvalidIdentifier("an invisible character in the name", reason=RejectionReason.AMBIGUOUS)
    plain = unicodedata.normalize("NFD", local.replace(_APOSTROPHE, "'"))
    for character in plain:
        if character.isascii():
            continue
        if unicodedata.category(character)[0] not in "LMN":
            raise InvalidIdentifier("a sign that names of mailboxes do not have", reason=RejectionReason.UNSUPPORTED)
        folded = character.casefold()
        if folded.isascii() or len(folded) > 1:
            raise InvalidIdentifier("a letter that folds to others", reason=RejectionReason.AMBIGUOUS)
    return unicodedata.normalize("NFC", plain.casefold())


def _checked(address: str) -> str:
    """What the library makes of it. `from None`: its messages show the address."""
    try:
        found = validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise InvalidIdentifier("not a valid e-mail address", reason=RejectionReason.INVALID) from None
    return f"{found.local_part}@{found.ascii_domain}"
