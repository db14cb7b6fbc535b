"""Signed HTTP requests and responses: one narrow profile of RFC 9421, with Content-Digest of RFC 9530.

    request   covers  "@method" "@authority" "@path" "@query" "content-digest" ["content-type" if the request has one]
              params  created; expires; nonce; keyid; alg="ed25519"; tag="tacita-request-v1"
    response  covers  "@status" "content-digest" "@method";req "@path";req "@query";req "signature";req
              params  created; expires; keyid; alg="ed25519"; tag="tacita-response-v1"

A signature exists in exactly one spelling: these components and parameters in this order, one label (`tacita`),
canonical base64. Whatever RFC 9421 leaves to the parties is fixed here and everything else refused. A response covers
the raw Signature field of its request, hence also its nonce: it answers that request and no other.

Left to the caller, because they need state: refusing a header field that came twice, remembering each nonce until its
`expires` has passed, and knowing under which authorities the service is reachable.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tacita_protocol.crypto.digest import sha256
from tacita_protocol.crypto.encoding import b64
from tacita_protocol.crypto.httpsig_fields import (
    MAX_CLOCK_SKEW,
    MAX_SIGNATURE_HEADER,
    MAX_VALIDITY,
    RequestMessage,
    ResponseMessage,
    SignatureBase,
    SignatureParams,
    read_signature,
    signature_base,
)
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.errors import SignatureInvalid

__all__ = [
    "MAX_CLOCK_SKEW",
    "MAX_SIGNATURE_HEADER",
    "MAX_VALIDITY",
    "RequestParts",
    "VerifiedRequest",
    "content_digest",
    "sign_request",
    "sign_response",
    "verify_request",
    "verify_response",
]

REQUEST_TAG = "tacita-request-v1"
RESPONSE_TAG = "tacita-response-v1"

_REQUEST_COMPONENTS = ("@method", "@authority", "@path", "@query", "content-digest")
_RESPONSE_COMPONENTS = ("@status", "content-digest", "@method;req", "@path;req", "@query;req", "signature;req")
_NONCE_BYTES = 16

# What may stand in the parts of a target. Narrower than what the library's URL parser takes: it would drop user
# information and fragments silently, and with them what the signer believed to be signed.
_METHOD = re.compile(r"[A-Z]{1,16}")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PATH = re.compile(r"/[^?#\s]*")
_QUERY = re.compile(r"[^#\s]*")

# The library trims and unfolds a field before it signs it; so only what is left alone by that has a signature.
_CONTENT_TYPE = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")


@dataclass(frozen=True)
class RequestParts:
    """What a request's signature speaks about.

    Attributes:
        method: upper case.
        authority: the Host header field.
        path: raw and percent-encoded, beginning with "/".
        query: raw, without "?"; "" for none.
        content_type: the Content-Type header field, or None for none.
        body: as it travels.
    """

    method: str
    authority: str
    path: str
    query: str
    content_type: str | None
    body: bytes


@dataclass(frozen=True)
class VerifiedRequest:
    """A request's signature that holds.

    Attributes:
        keyid: who signed: the id of a partner.
        nonce: the caller refuses it if it was seen with this key id, and remembers it until `expires` has passed.
        created: unix seconds.
        expires: unix seconds; the signature holds up to and including it.
        signature: the raw Signature header field.
    """

    keyid: str
    nonce: str
    created: int
    expires: int
    signature: str


def content_digest(body: bytes) -> str:
    """The Content-Digest header field (RFC 9530) for a body."""
    return f"sha-256=:{b64(sha256(body))}:"


def sign_request(
    parts: RequestParts, key: SigningKey, *, keyid: str, now: int, nonce: str | None = None
) -> dict[str, str]:
    """The header fields `content-digest`, `signature-input` and `signature` of a request.

    Args:
        parts: the request.
        key: the signer's key.
        keyid: the signer's partner id, under which the verifier looks up the key.
        now: unix seconds; the signature expires `MAX_VALIDITY` later.
        nonce: 16 to 64 characters of base64url, never used before; drawn if not given.

    Raises:
        ValueError: key id or nonce of another form.
        SignatureInvalid: parts that no verifier would accept (reason `target`).
    """
    nonce = random_hex(_NONCE_BYTES) if nonce is None else nonce
    params = SignatureParams(now, now + MAX_VALIDITY, nonce, keyid, REQUEST_TAG)
    digest = content_digest(parts.body)
    return {"content-digest": digest, **_request_base(parts, digest, params).sign(key)}


def verify_request(
    parts: RequestParts, headers: Mapping[str, str], *, resolve: Callable[[str], VerifyKey], now: int
) -> VerifiedRequest:
    """Check a request's signature.

    Args:
        parts: the request as it arrived.
        headers: its header fields, lower-case names; fields that came twice were refused by the caller.
        resolve: the verification key of a key id; raises LookupError if there is none that may sign now.
        now: unix seconds.

    Raises:
        SignatureInvalid: with one of the reasons `header`, `label`, `malformed`, `alg`, `tag`, `keyid`, `nonce`,
            `validity`, `parameters`, `future`, `expired`, `content-digest`, `content-type`, `target`, `components`,
            `key`, `signature`.
    """
    # 1. One signature, of this profile, in its validity.
    params, signature = read_signature(headers, tag=REQUEST_TAG, nonce=True)
    params.check_times(now)
    # 2. The body is the one whose digest is signed, and the type the one that the caller goes by.
    digest = _checked_digest(headers, parts.body)
    if headers.get("content-type", parts.content_type) != parts.content_type:
        raise SignatureInvalid("content type and header field differ", reason="content-type")
    # 3. It covers what this profile demands: the base is built from that, and the field must say the same.
    base = _request_base(parts, digest, params)
    base.check_spelling(headers)
    # 4. The key is the one that the caller knows under this key id; nothing else in the message chooses it.
    try:
        key = resolve(params.keyid)
    except LookupError:
        raise SignatureInvalid("no key is known under this key id", reason="key") from None
    key.verify(signature, base.text)
    return VerifiedRequest(params.keyid, str(params.nonce), params.created, params.expires, headers["signature"])


def sign_response(
    status: int,
    body: bytes,
    *,
    request: RequestParts,
    request_headers: Mapping[str, str],
    key: SigningKey,
    keyid: str,
    now: int,
) -> dict[str, str]:
    """The header fields `content-digest`, `signature-input` and `signature` of the response to a signed request.

    Args:
        status: HTTP status code.
        body: as it travels.
        request: the request that is answered.
        request_headers: its header fields, lower-case names, with `signature`.
        key: the signer's key.
        keyid: the signer's id.
        now: unix seconds; the signature expires `MAX_VALIDITY` later.

    Raises:
        ValueError: a key id of another form.
        SignatureInvalid: the request is not signed, or not of a signable form (reason `header` or `target`).
    """
    params = SignatureParams(now, now + MAX_VALIDITY, None, keyid, RESPONSE_TAG)
    digest = content_digest(body)
    base = _response_base(status, digest, request, request_headers, params)
    return {"content-digest": digest, **base.sign(key)}


def verify_response(
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    request: RequestParts,
    request_headers: Mapping[str, str],
    key: VerifyKey,
    keyid: str,
    now: int,
) -> None:
    """Check that a response was signed by `key` and answers this very request.

    Args:
        status: HTTP status code, as it arrived.
        body: as it arrived.
        headers: the response's header fields, lower-case names.
        request: the request as it was sent.
        request_headers: its header fields, lower-case names, with `signature`.
        key: the pinned key of the service.
        keyid: the id that it signs with.
        now: unix seconds.

    Raises:
        SignatureInvalid: with the reasons of `verify_request`.
    """
    # 1. One signature, of this profile, by the expected service, in its validity.
    params, signature = read_signature(headers, tag=RESPONSE_TAG, nonce=False)
    if params.keyid != keyid:
        raise SignatureInvalid("signed by another than the expected service", reason="keyid")
    params.check_times(now)
    # 2. The body is the one whose digest is signed.
    digest = _checked_digest(headers, body)
    # 3. It covers this status, this digest and this request.
    base = _response_base(status, digest, request, request_headers, params)
    base.check_spelling(headers)
    key.verify(signature, base.text)


def _request_base(parts: RequestParts, digest: str, params: SignatureParams) -> SignatureBase:
    typed = () if parts.content_type is None else ("content-type",)
    return signature_base(_request(parts, {"content-digest": digest}), (*_REQUEST_COMPONENTS, *typed), params)


def _response_base(
    status: int, digest: str, request: RequestParts, request_headers: Mapping[str, str], params: SignatureParams
) -> SignatureBase:
    # The request's Signature field stands for everything that it covered, body and nonce included.
    signature = request_headers.get("signature")
    if signature is None or len(signature) > MAX_SIGNATURE_HEADER:
        raise SignatureInvalid("only the answer to a signed request is signed", reason="header")
    message = ResponseMessage(status, {"content-digest": digest}, _request(request, {"signature": signature}))
    return signature_base(message, _RESPONSE_COMPONENTS, params)


def _request(parts: RequestParts, headers: dict[str, str]) -> RequestMessage:
    for pattern, text in (
        (_METHOD, parts.method),
        (_AUTHORITY, parts.authority),
        (_PATH, parts.path),
        (_QUERY, parts.query),
        (_CONTENT_TYPE, "none" if parts.content_type is None else parts.content_type),
    ):
        if not pattern.fullmatch(text):
            raise SignatureInvalid("a part of the request is not of a signable form", reason="target")
    if parts.content_type is not None:
        headers = {**headers, "content-type": parts.content_type}
    # The scheme is not signed, because a proxy may end TLS; https is the one whose default port is left out.
    return RequestMessage(parts.method, f"https://{parts.authority}{parts.path}?{parts.query}", headers)


def _checked_digest(headers: Mapping[str, str], body: bytes) -> str:
    """The body's digest in its one spelling; other algorithms or several digests are not in this profile."""
    digest = content_digest(body)
    if headers.get("content-digest") != digest:
        raise SignatureInvalid("content-digest is missing or is not the body's SHA-256", reason="content-digest")
    return digest
