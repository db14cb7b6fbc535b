"""Field types and closed sets that the statements share.

Every string and every list has a limit here or beside its field: a peer controls all of them. Validators raise
`ValueError` with a constant text; the value itself never gets into a message.
"""

from collections.abc import Callable, Hashable
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.encoding import from_b64u
from tacita_protocol.crypto.keys import SealingPublicKey, VerifyKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.psi.buckets import is_bucket

MAX_ELEMENTS = 2**26
"""Most elements one side of a match may declare, padding included."""
MAX_PARTITIONS = 4096
"""Most parts into which one run is cut."""
MAX_ROUND_TO = 1000
MAX_SEALED_SECRET = 2048
"""Longest sealed session secret, in characters of base64url (a hybrid HPKE ciphertext of 32 bytes has 1,558)."""
MAX_SEALED_TEXT = 4096
"""Longest sealed value, in characters of base64url: room for 1,936 bytes beside the HPKE overhead."""
MAX_SENTENCE = 500
"""Characters of a sentence that says why something was refused."""
MAX_UNIX_TIME = 253_402_300_799
"""The last second of the year 9999; a later time is a unit mistake (milliseconds) or an attack."""


class PartnerKind(StrEnum):
    """What a partner is; policies are written over these."""

    BANK = "bank"
    PAYMENT_PROVIDER = "payment-provider"
    HOTEL = "hotel"
    EMPLOYER = "employer"
    PLATFORM = "platform"
    NGO = "ngo"
    REGULATOR = "regulator"
    LAW_ENFORCEMENT = "law-enforcement"
    ASSOCIATION = "association"


class Sensitivity(StrEnum):
    """Whom the records of a dataset describe, as far as policy must know."""

    ORDINARY = "ordinary"
    FINANCIAL = "financial"
    POSSIBLE_VICTIM = "possible-victim"


class Mode(StrEnum):
    """What a match reveals to its receiver."""

    INTERSECTION = "intersection"
    """Which of its own elements the other side has too."""
    CARDINALITY = "cardinality"
    """How many of them."""


class ResultTo(StrEnum):
    """Which side of a match learns the result."""

    REQUESTER = "requester"
    OWNER = "owner"
    """The dataset's owner alone: a silent hit."""
    BOTH = "both"


class AgreementClass(StrEnum):
    """What an agreement is for."""

    SINGLE = "single"
    """Matches that people order one by one."""
    STANDING = "standing"
    """Matches that a program orders, at a peak rate."""
    QUESTION = "question"
    """Short questions about a few elements."""


class Handling(StrEnum):
    """How far what was released may travel: the Traffic Light Protocol, version 2.0 (FIRST)."""

    RED = "red"
    """For the named recipients' eyes only."""
    AMBER_STRICT = "amber-strict"
    """Within the recipient's organisation, who needs to know."""
    AMBER = "amber"
    """Also to the organisation's clients, who need to know."""
    GREEN = "green"
    """Within the community."""
    CLEAR = "clear"


class Role(StrEnum):
    """Who asked and who answers; *receiver* and *sender* say who learns."""

    REQUESTER = "requester"
    RESPONDER = "responder"


T = TypeVar("T", bound=Hashable)


def _distinct(items: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(items)) != len(items):
        raise ValueError("an item occurs twice")
    return items


def _refuse(check: Callable[[str], object], text: str, message: str) -> str:
    try:
        check(text)
    except ProtocolError:
        raise ValueError(message) from None  # the only kind of error that pydantic attributes to the field
    return text


def _verify_key(text: str) -> str:
    return _refuse(VerifyKey.from_text, text, "not an Ed25519 key")


def _sealing_key(text: str) -> str:
    return _refuse(SealingPublicKey.from_text, text, "not a hybrid HPKE key")


def _base64url(text: str) -> str:
    return _refuse(from_b64u, text, "not canonical base64url")


def _power_of_two(count: int) -> int:
    if count & (count - 1):
        raise ValueError("not a power of two")
    return count


def _bucket(count: int) -> int:
    if not is_bucket(count):
        raise ValueError("not a bucket of the padding rule")
    return count


Distinct = AfterValidator(_distinct)
"""For tuples that are sets or preferences: no item twice."""

_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
# No control characters, no bidirectional overrides: these texts are shown to people who decide by them.
_SHOWN = r"^[^\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]+$"

PartnerId = Annotated[str, StringConstraints(pattern=_NAME, max_length=63)]
BrokerId = Annotated[str, StringConstraints(pattern=_NAME, max_length=63)]
DatasetName = Annotated[str, StringConstraints(pattern=_NAME, max_length=63)]
MatchId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""128 random bits, lower-case hex."""
AgreementId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
DisclosureId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
ReferralId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
RetractionId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
VerdictId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
HexDigest = Annotated[Digest, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
CaseReference = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A case's name under a key that only the two partners share: repetition shows, the case does not."""
HitReference = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A hit's name under a key of the partner that holds it: neither an identifier nor a hash that could be tried."""
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
"""A word of a closed list kept elsewhere (purpose, legal basis, engine, reason)."""
NormaliserVersion = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,16}/[0-9]{1,4}$")]
"""`kind/version` of the rules that made the canonical forms, as `phone/1`."""
VersionText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]{0,31}$")]
ShortText = Annotated[str, StringConstraints(pattern=_SHOWN, max_length=100)]
Text = Annotated[str, StringConstraints(pattern=_SHOWN, max_length=300)]
Sentence = Annotated[str, StringConstraints(pattern=_SHOWN, max_length=MAX_SENTENCE)]
"""Why something was refused."""
PersonReference = ShortText
"""A person under a pseudonym that the person's own organisation can resolve."""

VerifyKeyText = Annotated[str, StringConstraints(max_length=64), AfterValidator(_verify_key)]
SealingKeyText = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_sealing_key)]
SealedSecret = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SEALED_SECRET), AfterValidator(_base64url)]

SealedText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SEALED_TEXT), AfterValidator(_base64url)]
"""A value that only the recipient can read: HPKE to the sealing key on its card."""
OprfKeyText = Annotated[str, StringConstraints(min_length=43, max_length=43), AfterValidator(_base64url)]
"""32 bytes in base64url: an element of ristretto255."""

UnixTime = Annotated[int, Field(ge=0, le=MAX_UNIX_TIME)]
"""Seconds since 1970-01-01 UTC."""
Count = Annotated[int, Field(ge=0, le=MAX_ELEMENTS)]
PaddedCount = Annotated[int, Field(ge=1, le=MAX_ELEMENTS), AfterValidator(_bucket)]
"""A count of elements rounded up to its bucket (`psi.buckets`)."""
Partitions = Annotated[int, Field(ge=1, le=MAX_PARTITIONS), AfterValidator(_power_of_two)]
"""Into how many parts each run of a match is cut."""
RoundTo = Annotated[int, Field(ge=1, le=MAX_ROUND_TO)]
"""A count is shown as a multiple of this."""

Jurisdictions = Annotated[tuple[Country, ...], Field(min_length=1, max_length=32), Distinct]
Engines = Annotated[tuple[Code, ...], Field(min_length=1, max_length=4), Distinct]
