"""The canonical form of an identifier of any kind, and the version of the rules that made it."""

from collections.abc import Callable, Mapping

from tacita_protocol.identifiers import account, phone
from tacita_protocol.identifiers.kind import Kind

_NORMALISERS: Mapping[Kind, Callable[[str, str | None], str]] = {
    Kind.PHONE: phone.normalise,
    Kind.ACCOUNT: account.normalise,
}
_VERSIONS: Mapping[Kind, str] = {Kind.PHONE: phone.VERSION, Kind.ACCOUNT: account.VERSION}


def normalise(kind: Kind, text: str, region: str | None = None) -> str:
    """The canonical form of `text` read as an identifier of `kind`.

    Args:
        kind: what the text names.
        text: one identifier as somebody wrote it.
        region: ISO 3166-1 alpha-2 country for national and domestic forms.

    Raises:
        InvalidIdentifier: the text is no identifier of this kind; `reason` is a `RejectionReason`.
    """
    return _NORMALISERS[kind](text, region)


def normaliser_version(kind: Kind) -> str:
    """Name and version of the rules, such as `phone/1`. Two partners with different ones do not match at all."""
    return f"{kind}/{_VERSIONS[kind]}"
