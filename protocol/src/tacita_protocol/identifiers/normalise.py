"""The canonical form of an identifier of any kind, and the version of the rules that made it."""

from functools import cache
from typing import Protocol

from tacita_protocol.identifiers.kind import Kind


class _Rules(Protocol):
    """The module of one kind."""

    VERSION: str

    def normalise(self, text: str, region: str | None) -> str: ...


def normalise(kind: Kind, text: str, region: str | None = None) -> str:
    """The canonical form of `text` read as an identifier of `kind`.

    Args:
        kind: what the text names.
        text: one identifier as somebody wrote it.
        region: ISO 3166-1 alpha-2 country for national and domestic forms.

    Raises:
        InvalidIdentifier: the text is no identifier of this kind; `reason` is a `RejectionReason`.
    """
    return _rules(kind).normalise(text, region)


def normaliser_version(kind: Kind) -> str:
    """Name and version of the rules, such as `phone/1`. Two partners with different ones do not match at all."""
    return f"{kind}/{_rules(kind).VERSION}"


@cache
def _rules(kind: Kind) -> _Rules:
    """Imported when first asked for: a worker that reads e-mail addresses needs no tables of phone plans."""
    match kind:
        case Kind.PHONE:
            from tacita_protocol.identifiers import phone

            return phone
        case Kind.ACCOUNT:
            from tacita_protocol.identifiers import account

            return account
        case Kind.EMAIL:
            from tacita_protocol.identifiers import email

            return email
        case Kind.COMPANY:
            from tacita_protocol.identifiers import company

            return company
        case Kind.DOMAIN:
            from tacita_protocol.identifiers import domain

            return domain
        case Kind.HANDLE:
            from tacita_protocol.identifiers import handle

            return handle
        case Kind.WALLET:
            from tacita_protocol.identifiers import wallet

            return wallet
        case Kind.FILE:
            from tacita_protocol.identifiers import file

            return file
