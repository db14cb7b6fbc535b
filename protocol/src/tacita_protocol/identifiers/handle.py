"""Identifiers of the kind handle: named in statements; this version reads none."""

from tacita_protocol.errors import InvalidIdentifier
from tacita_protocol.identifiers.kind import RejectionReason

VERSION = "0"


def normalise(text: str, region: str | None) -> str:  # noqa: ARG001 - one signature for all kinds
    """Refuses every text."""
    raise InvalidIdentifier("this version reads no such identifiers", reason=RejectionReason.UNSUPPORTED)
