"""What goes into the log.

Two classes of entry, and nothing else:

**Match entries**, the opening and the closing of every request: `{v, id, time, sealed, _sd}`. `id` is random and links
nothing; `time` is coarse; `sealed` is the digest of the sealed record beside the log; `_sd` holds sixteen digests. Each
digest is of one *disclosure*, base64url(JSON [salt, name, value]), which only those who may see it receive; random
digests fill up the rest. So every match entry has one length and shape, and says nothing without its disclosures.

**Public entries**: `{v, class, type, digest, time}`, the digest of the envelope of a partner card, dataset card, key
rotation or revocation, or the salted digest of an agreement.

Never in an entry: an identifier, a token, an unsalted digest of either, a stable pseudonym.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from tacita_protocol.crypto.digest import Digest, sha256
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.jcs import JSONValue, canonical_json, parse_json
from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProofInvalid
from tacita_protocol.tlog.proof import MAX_PROOF_CHARACTERS, LogProof
from tacita_protocol.tlog.trust import TrustPolicy

ENTRY_VERSION: Final = 1
ENTRY_DIGESTS: Final = 16
COARSE_SECONDS: Final = 600
MAX_ENTRY_CHARACTERS: Final = 4096
MAX_DISCLOSURE_CHARACTERS: Final = 1024

PublicType = Literal["partner-card", "dataset-card", "agreement", "key-rotation", "revocation"]

_PUBLIC_TYPES: Final[Mapping[str, PublicType]] = {
    "partner-card": "partner-card",
    "dataset-card": "dataset-card",
    "agreement": "agreement",
    "key-rotation": "key-rotation",
    "revocation": "revocation",
}
_ID_BYTES: Final = 16
_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32
_HEX_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class BuiltEntry:
    """A new match entry and the disclosures that open it."""

    entry: bytes
    disclosures: tuple[str, ...]


@dataclass(frozen=True)
class OpenedEntry:
    """A match entry with the items that its disclosures open: name -> value."""

    id: str
    time: int
    sealed: Digest
    items: dict[str, str]


@dataclass(frozen=True)
class PublicEntry:
    """A public entry: the digest of something that others may ask to see."""

    type: PublicType
    digest: Digest
    time: int


def build_match_entry(
    items: Mapping[str, str], *, sealed: Digest, time: int, entropy: Callable[[int], bytes]
) -> BuiltEntry:
    """Build the entry for these items (at most 16, names and values of text).

    `time` is unix seconds, floored to ten minutes in the entry; `entropy(n)` answers n random bytes.
    """
    if len(items) > ENTRY_DIGESTS:
        raise ValueError(f"an entry discloses at most {ENTRY_DIGESTS} items")
    disclosures = tuple(
        b64u(canonical_json([b64u(entropy(_SALT_BYTES)), name, value])) for name, value in sorted(items.items())
    )
    if any(len(disclosure) > MAX_DISCLOSURE_CHARACTERS for disclosure in disclosures):
        raise ValueError("an item is too long to be disclosed")
    digests = [_disclosure_digest(disclosure) for disclosure in disclosures]
    digests += [b64u(entropy(_DIGEST_BYTES)) for _ in range(ENTRY_DIGESTS - len(digests))]
    body: JSONValue = {
        "v": ENTRY_VERSION,
        "id": entropy(_ID_BYTES).hex(),
        "time": _coarse(time),
        "sealed": sealed,
        "_sd": list[JSONValue](sorted(digests)),
    }
    return BuiltEntry(canonical_json(body), disclosures)


def build_card_entry(type: PublicType, digest: Digest, time: int) -> bytes:  # noqa: A002  the entry's own field name
    """The public entry for this digest at unix time `time`."""
    return canonical_json({"v": ENTRY_VERSION, "class": "public", "type": type, "digest": digest, "time": time})


def read_match_entry(entry: bytes) -> tuple[OpenedEntry, frozenset[str]]:
    """A match entry without disclosures, and its digests. Raises MalformedMessage."""
    body = _read(entry, {"v", "id", "time", "sealed", "_sd"})
    entry_id, time, sealed, digests = body["id"], body["time"], body["sealed"], body["_sd"]
    if not isinstance(entry_id, str) or not _HEX_ID.fullmatch(entry_id):
        raise MalformedMessage("must be 32 hexadecimal digits", field="id")
    if not _is_time(time) or time % COARSE_SECONDS:
        raise MalformedMessage("must be in whole ten minutes", field="time")
    if not isinstance(digests, list) or len(digests) != ENTRY_DIGESTS:
        raise MalformedMessage(f"expected {ENTRY_DIGESTS} digests", field="_sd")
    texts = [digest for digest in digests if isinstance(digest, str)]
    if len(texts) != ENTRY_DIGESTS or texts != sorted(set(texts)):
        raise MalformedMessage("must be text, sorted and distinct", field="_sd")
    for text in texts:
        from_b64u(text, length=_DIGEST_BYTES, field="_sd")
    return OpenedEntry(entry_id, time, _digest(sealed, "sealed"), {}), frozenset(texts)


def open_match_entry(entry: bytes, disclosures: Sequence[str]) -> OpenedEntry:
    """Open a match entry with disclosures, each of which must be among its digests.

    Raises MalformedMessage for a broken entry or disclosure, ProofInvalid for a disclosure of another entry.
    """
    opened, digests = read_match_entry(entry)
    if len(disclosures) > ENTRY_DIGESTS:
        raise LimitExceeded("entry: too many disclosures")
    for disclosure in disclosures:
        name, value = _read_disclosure(disclosure)
        if _disclosure_digest(disclosure) not in digests:
            raise ProofInvalid("entry: a disclosure does not belong to this entry")
        if name in opened.items:
            raise MalformedMessage("an item is disclosed twice", field="disclosures")
        opened.items[name] = value
    return opened


def open_card_entry(entry: bytes) -> PublicEntry:
    """Read a public entry. Raises MalformedMessage."""
    body = _read(entry, {"v", "class", "type", "digest", "time"})
    kind, time = body["type"], body["time"]
    if body["class"] != "public":
        raise MalformedMessage("unknown class of entry", field="class")
    known = _PUBLIC_TYPES.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise MalformedMessage("unknown type of public entry", field="type")
    if not _is_time(time):
        raise MalformedMessage("must be unix seconds", field="time")
    return PublicEntry(known, _digest(body["digest"], "digest"), time)


class LoggedEntry(BaseModel):
    """A match entry as it travels: base64url of its bytes, the disclosures meant for the reader, and its proof."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    entry: Annotated[str, Field(strict=True, max_length=MAX_ENTRY_CHARACTERS)]
    disclosures: Annotated[
        tuple[Annotated[str, Field(strict=True, max_length=MAX_DISCLOSURE_CHARACTERS)], ...],
        Field(max_length=ENTRY_DIGESTS),
    ]
    proof: Annotated[str, Field(strict=True, max_length=MAX_PROOF_CHARACTERS)]

    def entry_bytes(self) -> bytes:
        """The entry as it stands in the log. Raises MalformedMessage."""
        return from_b64u(self.entry, field="entry")

    def verify(self, trust: TrustPolicy, *, excluded: frozenset[str] = frozenset()) -> OpenedEntry:
        """Check proof, quorum (without the witnesses `excluded`) and disclosures; the opened entry.

        Raises MalformedMessage, SignatureInvalid or ProofInvalid.
        """
        entry = self.entry_bytes()
        LogProof.parse(self.proof).verify(entry, trust, excluded=excluded)
        return open_match_entry(entry, self.disclosures)


def _coarse(time: int) -> int:
    return time - time % COARSE_SECONDS


def _disclosure_digest(disclosure: str) -> str:
    return b64u(sha256(disclosure.encode("ascii")))


def _read_disclosure(disclosure: str) -> tuple[str, str]:
    if len(disclosure) > MAX_DISCLOSURE_CHARACTERS:
        raise LimitExceeded("entry: a disclosure is too long")
    data = from_b64u(disclosure, field="disclosures")
    parsed = parse_json(data)
    match parsed:
        case [str(salt), str(name), str(value)]:
            from_b64u(salt, length=_SALT_BYTES, field="disclosures")
        case _:
            raise MalformedMessage("a disclosure is [salt, name, value]", field="disclosures")
    if canonical_json(parsed) != data:
        raise MalformedMessage("a disclosure is not canonical JSON", field="disclosures")
    return name, value


def _read(entry: bytes, names: set[str]) -> dict[str, JSONValue]:
    body = parse_json(entry, max_bytes=MAX_ENTRY_CHARACTERS)
    if not isinstance(body, dict) or body.keys() != names:
        raise MalformedMessage("unexpected or missing fields", field="entry")
    if body["v"] != ENTRY_VERSION or isinstance(body["v"], bool):
        raise MalformedMessage("unknown version of the entry", field="v")
    if canonical_json(body) != entry:
        raise MalformedMessage("not canonical JSON", field="entry")
    return body


def _digest(value: JSONValue, field: str) -> Digest:
    if not isinstance(value, str) or not _HEX_DIGEST.fullmatch(value):
        raise MalformedMessage("must be 64 hexadecimal digits", field=field)
    return Digest(value)


def _is_time(value: JSONValue) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
