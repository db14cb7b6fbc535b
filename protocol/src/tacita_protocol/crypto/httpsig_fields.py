"""The fields Signature-Input and Signature of RFC 9421 in the one spelling of `httpsig`: reading and writing them.

The library parses the fields, resolves components and writes the signature base. Its own verification reads the
system's clock and accepts by default a swapped body, a missing expiry, nonce, tag and algorithm, an expiry in ten
years, and several signatures of one tag; so clock, policy and Ed25519 are ours.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from http_message_signatures import HTTPMessageSignaturesException
from http_message_signatures.algorithms import ED25519
from http_message_signatures.signatures import HTTPSignatureHandler
from http_sf.compat import InnerList, Item

from tacita_protocol.crypto.encoding import b64, from_b64
from tacita_protocol.crypto.keys import SIGNATURE_SIZE, SigningKey
from tacita_protocol.errors import MalformedMessage, SignatureInvalid

MAX_VALIDITY = 60
"""Seconds from `created` to `expires` at most."""

MAX_CLOCK_SKEW = 30
"""Seconds that `created` may lie in the verifier's future."""

MAX_SIGNATURE_HEADER = 1024
"""Characters of a Signature-Input or Signature field."""

LABEL = "tacita"

_KEYID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class SignatureParams:
    """The signature parameters (RFC 9421 section 2.3) of this profile; `nonce` is None in responses.

    Raises:
        ValueError: a key id or nonce of another form.
    """

    created: int
    expires: int
    nonce: str | None
    keyid: str
    tag: str

    def __post_init__(self) -> None:
        if not _KEYID.fullmatch(self.keyid) or not (self.nonce is None or _NONCE.fullmatch(self.nonce)):
            raise ValueError("key id or nonce has characters or a length that this profile does not allow")

    def check_times(self, now: int) -> None:
        """Raises SignatureInvalid unless the signature is short-lived and alive at `now` (unix seconds)."""
        if not 0 < self.expires - self.created <= MAX_VALIDITY:
            raise SignatureInvalid(f"the signature must be valid for 1 to {MAX_VALIDITY} seconds", reason="validity")
        if self.created > now + MAX_CLOCK_SKEW:
            raise SignatureInvalid("the signature was made in the future: compare the clocks", reason="future")
        if now > self.expires:
            raise SignatureInvalid("the signature has expired", reason="expired")

    def in_order(self) -> dict[str, int | str]:
        """Name and value of each, in the order of the profile."""
        nonce = {} if self.nonce is None else {"nonce": self.nonce}
        times = {"created": self.created, "expires": self.expires}
        return {**times, **nonce, "keyid": self.keyid, "alg": ED25519.algorithm_id, "tag": self.tag}


@dataclass(frozen=True)
class RequestMessage:
    """A request as the library wants it, with the covered header fields only."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class ResponseMessage:
    """A response as the library wants it, with the covered header fields only."""

    status_code: int
    headers: dict[str, str]
    request: RequestMessage


@dataclass(frozen=True)
class SignatureBase:
    """What is signed (RFC 9421 section 2.5), and the Signature-Input field that says so."""

    text: bytes
    signature_input: str

    def sign(self, key: SigningKey) -> dict[str, str]:
        """The two header fields."""
        signature = b64(key.sign(self.text))
        return {"signature-input": self.signature_input, "signature": f"{LABEL}=:{signature}:"}

    def check_spelling(self, headers: Mapping[str, str]) -> None:
        """Raises SignatureInvalid unless the field of a message says the same as this base, byte for byte."""
        if headers["signature-input"] != self.signature_input:
            raise SignatureInvalid(
                "not exactly the components of this profile in their one spelling", reason="components"
            )


def signature_base(
    message: RequestMessage | ResponseMessage, components: Sequence[str], params: SignatureParams
) -> SignatureBase:
    """The signature base of a message.

    Args:
        message: what is signed.
        components: names in order; the suffix ";req" takes a component from the request that is answered.
        params: the signature's parameters.

    Raises:
        SignatureInvalid: a component is missing or has no representation (reason `target`).
    """
    try:
        return _Library().base(message, [_component(name) for name in components], dict(params.in_order()))
    except (HTTPMessageSignaturesException, ValueError):
        raise SignatureInvalid("a covered component cannot be represented", reason="target") from None


def read_signature(headers: Mapping[str, str], *, tag: str, nonce: bool) -> tuple[SignatureParams, bytes]:
    """The parameters of the one signature of a message, and its 64 bytes. Nothing is verified yet.

    Raises:
        SignatureInvalid: no, several or other signatures, parameters or spellings than the profile has.
    """
    field_input, field_signature = headers.get("signature-input"), headers.get("signature")
    if field_input is None or field_signature is None:
        raise SignatureInvalid("the message is not signed", reason="header")
    if max(len(field_input), len(field_signature)) > MAX_SIGNATURE_HEADER:
        raise SignatureInvalid("the signature fields are too long", reason="header")
    inputs, signatures = _parse(field_input), _parse(field_signature)
    if list(inputs) != [LABEL] or list(signatures) != [LABEL]:
        raise SignatureInvalid("not exactly one signature with the label of this profile", reason="label")
    covered = inputs[LABEL]
    if not isinstance(covered, InnerList):
        raise SignatureInvalid("the signature fields are malformed", reason="malformed")
    return _params(dict(covered.params), tag=tag, nonce=nonce), _signature_bytes(field_signature)


def _params(given: dict[str, Any], *, tag: str, nonce: bool) -> SignatureParams:
    # Reasons of their own before the general one, so that an operator sees what is missing.
    if given.get("alg") != ED25519.algorithm_id:
        raise SignatureInvalid("the algorithm is not named, or not Ed25519", reason="alg")
    if given.get("tag") != tag:
        raise SignatureInvalid("the signature was made for another purpose", reason="tag")
    if not isinstance(given.get("keyid"), str) or not _KEYID.fullmatch(given["keyid"]):
        raise SignatureInvalid("the key id is missing or malformed", reason="keyid")
    if nonce and (not isinstance(given.get("nonce"), str) or not _NONCE.fullmatch(given["nonce"])):
        raise SignatureInvalid("the nonce is missing or malformed", reason="nonce")
    if type(given.get("created")) is not int or type(given.get("expires")) is not int:
        raise SignatureInvalid("created or expires is missing or malformed", reason="validity")
    params = SignatureParams(
        given["created"], given["expires"], given["nonce"] if nonce else None, given["keyid"], given["tag"]
    )
    if list(given) != list(params.in_order()):
        raise SignatureInvalid("not exactly the parameters of this profile in their order", reason="parameters")
    return params


def _signature_bytes(field: str) -> bytes:
    prefix, suffix = f"{LABEL}=:", ":"
    try:
        if not field.startswith(prefix) or not field.endswith(suffix):
            raise MalformedMessage("not a byte sequence without parameters")
        return from_b64(field[len(prefix) : -len(suffix)], length=SIGNATURE_SIZE)
    except MalformedMessage:
        raise SignatureInvalid("not the canonical text of 64 bytes", reason="malformed") from None


def _parse(field: str) -> Mapping[str, Any]:
    try:
        return _Library().parse(field)
    except (HTTPMessageSignaturesException, ValueError):
        raise SignatureInvalid("the signature fields are malformed", reason="malformed") from None


def _component(name: str) -> Item:
    item = Item(name.removesuffix(";req"))
    if name.endswith(";req"):
        item.params["req"] = True
    return item


class _Library(HTTPSignatureHandler):
    """The two pieces of the library that this profile uses. Both are internal to it, hence its pinned version."""

    def __init__(self) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=None)

    def base(
        self, message: RequestMessage | ResponseMessage, components: list[Item], params: dict[str, Any]
    ) -> SignatureBase:
        text, node, _ = self._build_signature_base(message, covered_component_ids=components, signature_params=params)
        return SignatureBase(text.encode("ascii"), f"{LABEL}={node}")

    def parse(self, field: str) -> Mapping[str, Any]:
        parsed: Mapping[str, Any] = self._parse_signature_dictionary(field)
        return parsed
