"""Signing and verifying statements: JCS (RFC 8785) inside a DSSE envelope, one strict way in.

A statement that verifies has exactly one byte form: its payload must equal the canonical JSON of the model it parses
to, with every field present. So a digest of the payload names the statement, and nothing can hide in the bytes.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.crypto.jcs import canonical_json, parse_json
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, UnsupportedVersion

MAX_ENVELOPE_BYTES = 256 * 1024
"""Longest signed envelope that is read."""
VERSION = 1


_UNKNOWN_VALUE = frozenset({"enum", "literal_error", "union_tag_invalid"})
"""Kinds of validation errors that a value outside a closed set causes: a later version may know it."""


class Part(BaseModel):
    """A nested object of a statement or of an API body: immutable, no unknown field, no conversion of types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Statement(Part):
    """Something a partner or a broker says under signature. `TYPE` goes into the envelope's payload type."""

    TYPE: ClassVar[str]

    v: Literal[1] = 1


S = TypeVar("S", bound=Statement)
S_co = TypeVar("S_co", bound=Statement, covariant=True)
P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class Signed(Generic[S_co]):
    """A statement whose signatures were made or verified here.

    `envelope` is the DSSE envelope as ASCII JSON text; `digest` is the SHA-256 of the payload, which is what other
    statements cite; `envelope_digest` is the SHA-256 of the envelope, which is what public log entries hold.
    """

    envelope: str
    body: S_co
    digest: Digest
    envelope_digest: Digest


def payload_type(cls: type[Statement]) -> str:
    """The DSSE payload type of a class of statements."""
    return f"application/vnd.tacita.{cls.TYPE}.v{VERSION}+json"


def payload_of(body: Statement) -> bytes:
    """The one byte form of a statement: canonical JSON, every field present."""
    return canonical_json(body.model_dump(mode="json"))


def sign_statement(body: S, *keys: SigningKey) -> Signed[S]:
    """Sign `body` with each of `keys` (in this order) and return it with its envelope."""
    payload = payload_of(body)
    envelope = dsse.sign(payload_type(type(body)), payload, *keys)
    return _signed(envelope, body, payload)


def add_signature(signed: Signed[S], key: SigningKey) -> Signed[S]:
    """`signed` with one more signature over the same payload (an agreement's second party)."""
    envelope = dsse.add_signature(signed.envelope.encode("ascii"), key)
    return _signed(envelope, signed.body, payload_of(signed.body))


def verify_statement(cls: type[S], envelope: str | bytes, *keys: VerifyKey) -> Signed[S]:
    """Check an envelope's signatures and parse what they cover.

    Every key in `keys` must have signed, and nobody else. Raises `SignatureInvalid`, `LimitExceeded`,
    `UnsupportedVersion`, or `MalformedMessage` with the name (never the value) of the field at fault.
    """
    if not keys:
        raise RuntimeError("a statement is verified with at least one key")
    data = _bounded(envelope)
    _check_type_version(cls, data)
    payload = dsse.verify(data, payload_type(cls), keys)
    return _signed(data, _read(cls, payload), payload)


def claims(cls: type[Statement], envelope: str | bytes) -> bool:
    """Whether an envelope says that it holds a statement of this type, in whatever version: to choose how to read it.

    Raises `MalformedMessage` or `LimitExceeded` for what is no envelope.
    """
    return _claimed_version(cls, _bounded(envelope)) is not None


def unverified(cls: type[S], envelope: str | bytes) -> S:
    """Parse an envelope *without* checking signatures, to learn whose key to check. Never act on the result."""
    data = _bounded(envelope)
    _check_type_version(cls, data)
    if dsse.payload_type_of(data) != payload_type(cls):
        raise MalformedMessage(f"the envelope does not hold a {cls.TYPE} statement", field="payloadType")
    return _read(cls, dsse.unverified_payload(data))


def parse_part(cls: type[P], data: bytes, *, what: str, max_bytes: int) -> P:
    """Parse unsigned JSON (an API body, a proof beside a statement) as strictly as a statement.

    `what` names the object in messages. Raises `MalformedMessage` (`UnsupportedVersion` for a value outside a closed
    set) or `LimitExceeded`.
    """
    parse_json(data, max_bytes=max_bytes)  # duplicate keys, integer range, depth: pydantic's parser forgives these
    try:
        return cls.model_validate_json(data)
    except ValidationError as error:
        raise _malformed(what, error) from None  # the original's text names fields that the peer made up


def digest_or_none(signed: Signed[Statement] | None) -> Digest | None:
    """The digest of a statement that may be missing."""
    return None if signed is None else signed.digest


def _read(cls: type[S], payload: bytes) -> S:
    value = parse_json(payload, max_bytes=MAX_ENVELOPE_BYTES)
    if not isinstance(value, dict):
        raise MalformedMessage(f"{cls.TYPE}: not an object", field="payload")
    version = value.get("v")
    if not isinstance(version, int) or isinstance(version, bool):
        raise MalformedMessage(f"{cls.TYPE}: no version number", field="v")
    if version != VERSION:
        raise UnsupportedVersion(f"{cls.TYPE}: this version of the statement is not supported", field="v")
    body = parse_part(cls, payload, what=cls.TYPE, max_bytes=MAX_ENVELOPE_BYTES)
    if payload_of(body) != payload:
        raise MalformedMessage(f"{cls.TYPE}: not in canonical form with every field present", field="payload")
    return body


def _claimed_version(cls: type[Statement], data: bytes) -> str | None:
    """The version in the payload type, None when that is of another type."""
    version = re.fullmatch(rf"application/vnd\.tacita\.{cls.TYPE}\.v([0-9]{{1,9}})\+json", dsse.payload_type_of(data))
    return None if version is None else version[1]


def _check_type_version(cls: type[Statement], data: bytes) -> None:
    if _claimed_version(cls, data) not in (None, str(VERSION)):
        raise UnsupportedVersion(f"{cls.TYPE}: this version of the statement is not supported", field="payloadType")


def _bounded(envelope: str | bytes) -> bytes:
    if isinstance(envelope, str):
        try:
            envelope = envelope.encode("ascii")
        except UnicodeEncodeError:
            raise MalformedMessage("the envelope is not ASCII") from None
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise LimitExceeded(f"the envelope is longer than {MAX_ENVELOPE_BYTES} bytes")
    return envelope


def _signed(envelope: bytes, body: S, payload: bytes) -> Signed[S]:
    try:
        text = envelope.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedMessage("the envelope is not ASCII") from None
    return Signed(envelope=text, body=body, digest=digest_of(payload), envelope_digest=digest_of(envelope))


def _malformed(what: str, error: ValidationError) -> MalformedMessage:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    location = [str(step) for step in first["loc"]]
    kind = first["type"]
    if kind == "extra_forbidden":
        location = location[:-1]  # the name itself is the peer's text
        return MalformedMessage(f"{what}: unknown field in the object", field=".".join(location) or None)
    field = ".".join(location) or None
    if kind in _UNKNOWN_VALUE:
        return UnsupportedVersion(f"{what}: a value that this software does not know", field=field)
    return MalformedMessage(f"{what}: not acceptable ({kind})", field=field)
