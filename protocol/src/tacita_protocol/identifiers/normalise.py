"""The canonical form of an identifier of any kind, and the version of the rules that made it."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol

from tacita_protocol.identifiers.kind import Kind

VERSIONS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.PHONE: "1",
        Kind.ACCOUNT: "1",
        Kind.EMAIL: "1",
        Kind.COMPANY: "1",
        Kind.DOMAIN: "1",
        Kind.HANDLE: "1",
        Kind.WALLET: "1",
        Kind.FILE: "1",
    }
)
"""One changes with every change that gives another canonical form for a text of its kind; that of domains with the
public suffix list too. They stand here and not beside the rules, so that who only compares versions loads no tables."""

REGIONAL: Final = frozenset({Kind.PHONE, Kind.ACCOUNT, Kind.COMPANY})
"""The kinds that have national forms: of any other, a region changes nothing."""


class _Rules(Protocol):
    """The module of one kind."""

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
    return f"{kind}/{VERSIONS[kind]}"


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
