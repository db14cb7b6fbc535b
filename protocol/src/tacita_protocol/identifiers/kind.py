"""The kinds of identifier that can be matched, and why a text is refused as one."""

from enum import StrEnum


class Kind(StrEnum):
    """What an identifier names. Each kind has its own normaliser with its own version."""

    PHONE = "phone"
    ACCOUNT = "account"
    EMAIL = "email"
    COMPANY = "company"
    DOMAIN = "domain"
    HANDLE = "handle"
    WALLET = "wallet"
    FILE = "file"


class RejectionReason(StrEnum):
    """Why a text is not an identifier of its kind: stable codes, shown with the line number of an import."""

    EMPTY = "empty"
    TOO_LONG = "too-long"
    NOT_PLAIN_TEXT = "not-plain-text"
    """A control character, such as a line break, is inside."""
    NOT_A_NUMBER = "not-a-number"
    """Not written as a phone number or an account number."""
    NOT_OF_THE_KIND = "not-of-the-kind"
    """Not written as an identifier of the stated kind."""
    NEEDS_REGION = "needs-region"
    UNKNOWN_COUNTRY = "unknown-country"
    UNKNOWN_REGISTER = "unknown-register"
    """A register of companies, or a scheme of accounts, that this version does not know."""
    UNKNOWN_PLATFORM = "unknown-platform"
    UNKNOWN_SUFFIX = "unknown-suffix"
    """No public suffix of the list that this version fixes."""
    NOT_REGISTRABLE = "not-registrable"
    """A public suffix itself: nobody's own."""
    INVALID = "invalid"
    CHECKSUM = "checksum"
    EXTENSION = "extension"
    AMBIGUOUS = "ambiguous"
    LOOK_ALIKE = "look-alike"
    """Letters of alphabets that are confused with each other, in one word."""
    UNSUPPORTED = "unsupported"
    """A form that exists and that two partners could not compare safely; the documentation says why."""
