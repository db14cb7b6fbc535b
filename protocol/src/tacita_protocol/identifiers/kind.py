"""The kinds of identifier that can be matched, and why a text is refused as one."""

from enum import StrEnum


class Kind(StrEnum):
    """What an identifier names. Each kind has its own normaliser with its own version."""

    PHONE = "phone"
    ACCOUNT = "account"


class RejectionReason(StrEnum):
    """Why a text is not an identifier of its kind: stable codes, shown with the line number of an import."""

    EMPTY = "empty"
    TOO_LONG = "too-long"
    NOT_A_NUMBER = "not-a-number"
    NEEDS_REGION = "needs-region"
    UNKNOWN_COUNTRY = "unknown-country"
    INVALID = "invalid"
    CHECKSUM = "checksum"
    EXTENSION = "extension"
    AMBIGUOUS = "ambiguous"
