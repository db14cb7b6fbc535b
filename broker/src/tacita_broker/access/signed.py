"""Requests signed per RFC 9421 by a partner's approved key."""

from contextlib import suppress
from dataclasses import dataclass
from re import ASCII
from re import compile as pattern
from typing import Annotated

from fastapi import Depends, Request

from tacita_broker.access.body import JSON_TYPE, read_empty_body, read_json_body
from tacita_broker.access.gate import EXCHANGE, Exchange, belongs_to
from tacita_broker.access.nonces import use_nonce
from tacita_broker.partners.service import KnownPartner
from tacita_broker.problems import ProblemError
from tacita_broker.services import Services, services_of
from tacita_protocol.crypto.httpsig import RequestParts, VerifiedRequest, verify_request
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import SignatureInvalid

_KEYID = pattern(r';keyid="([a-z0-9-]{1,63})"', ASCII)
_TIME_REASONS = frozenset({"expired", "future", "validity"})


@dataclass(frozen=True)
class SignedCall:
    """A verified request: who called, and the body's bytes that the signature covers."""

    caller: KnownPartner
    body: bytes


async def signed_call(request: Request) -> SignedCall:
    """Verify the request's signature and use its nonce. The one way to act as a partner.

    Raises `ProblemError`: 401 when the signature does not hold (unknown partner, wrong key and changed message give
    the same answer) or came before, 403 while the partner is not approved, 429 when it asks too often.
    """
    services = services_of(request)
    body = await _signed_body(request, services)
    signer, verified = await _signer(request, body, services)
    services.rates.signed.check(signer.partner)  # before anything is written
    async with services.database.write() as session:
        known = await services.partners.find_in(session, signer.partner)
        if known is None or known.key != signer.key:
            raise _not_signed()
        await use_nonce(session, verified)
    mark_verified(request, body)
    belongs_to(exchange_of(request), known.partner, services.rates, services.rates.signed)
    if not known.approved:
        raise ProblemError(403, "not-approved", "This partner has not been approved by the broker's administrator yet.")
    return SignedCall(known, body)


Signature = Annotated[SignedCall, Depends(signed_call)]


def verify(request: Request, body: bytes, *, key: VerifyKey, now: int) -> VerifiedRequest:
    """Check the request's signature under `key`. Raises a 401 problem."""
    claimed = claimed_keyid(request)

    def resolve(keyid: str) -> VerifyKey:
        if keyid != claimed:
            raise LookupError
        return key

    try:
        return verify_request(_parts(request, body), exchange_of(request).headers, resolve=resolve, now=now)
    except SignatureInvalid as error:
        if error.reason in _TIME_REASONS:
            raise ProblemError(
                401, "signature-time", "The signature is not valid at this time; compare the clocks."
            ) from None
        raise _not_signed() from None


async def _signer(request: Request, body: bytes, services: Services) -> tuple[KnownPartner, VerifiedRequest]:
    """The partner that the request names, under whose key it is signed: the key known from before, or else the newest.

    An unknown partner's signature is checked under a key that nobody holds: the same work, the same answer.
    """
    named = claimed_keyid(request)
    known = services.partners.remembered(named)
    with suppress(ProblemError):
        verified = verify(request, body, key=services.nobody if known is None else known.key, now=services.clock())
        if known is not None:
            return known, verified
    known = await services.partners.find(named)
    verified = verify(request, body, key=services.nobody if known is None else known.key, now=services.clock())
    if known is None:
        raise RuntimeError("a signature of a key that nobody holds verified")
    return known, verified


def _not_signed() -> ProblemError:
    return ProblemError(401, "signature", "The request is not signed by a partner's key.")


def claimed_keyid(request: Request) -> str:
    """The key id that the request names, "" if none. Only for look-up."""
    match = _KEYID.search(exchange_of(request).headers.get("signature-input", ""))
    return match[1] if match else ""


def mark_verified(request: Request, body: bytes) -> None:
    """From here on the answer is signed, whatever it will be."""
    exchange_of(request).verified = _parts(request, body)


def exchange_of(request: Request) -> Exchange:
    """What the gate noted about this request."""
    exchange: Exchange = request.scope[EXCHANGE]
    return exchange


async def _signed_body(request: Request, services: Services) -> bytes:
    if request.method == "GET":
        return await read_empty_body(request, services.settings)
    return await read_json_body(request, services.settings)


def _parts(request: Request, body: bytes) -> RequestParts:
    headers = exchange_of(request).headers
    return RequestParts(
        method=request.method,
        authority=headers["host"].lower(),
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        content_type=None if request.method == "GET" else JSON_TYPE,
        body=body,
    )
