"""One HTTP exchange with a broker: signed, bounded, and repeated only where repeating is safe.

1. A request is signed per RFC 9421 (or carries a bearer token, or is public); each attempt is signed anew, because a
   nonce counts once.
2. The answer's body is read up to a limit; compressed bodies are refused, so that a limit means what it says.
3. A 2xx answer to a signed request must be signed by the broker's pinned key, bound to that very request. An error may
   come unsigned: it can only make us stop, which whoever sits on the line can do anyway.
4. Only idempotent requests are repeated: after a failure of the transport, or 429/502/503/504, or when the broker had
   this very request already: something on the way delivered it twice, and only the second answer came back.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import httpx2

from tacita_protocol.api import MAX_LIST_BYTES, parse_body
from tacita_protocol.crypto.httpsig import RequestParts, sign_request, verify_response
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.statement import Part
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, CertificateRefused, ResponseUntrusted
from tacita_sdk.retry import RetryPolicy

ANSWER_MAX_BYTES = MAX_LIST_BYTES
"""The largest answer that is read, in bytes, unless the call says less."""

CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 30.0
"""Seconds without a byte before an exchange counts as failed (a long poll's own wait comes on top)."""

_RETRIED_STATUSES = frozenset({429, 502, 503, 504})
_PROXY_STATUSES = frozenset({502, 503, 504})
_REPLAYED = (401, "replayed")

M = TypeVar("M", bound=Part)


@dataclass(frozen=True)
class Answer:
    """What came back: status, body bytes, lower-case headers."""

    status: int
    body: bytes = field(repr=False)
    headers: dict[str, str]


@dataclass(frozen=True)
class Call:
    """One request, before it is signed. `path` is already percent-encoded, `query` comes without the question mark."""

    method: str
    path: str
    query: str = ""
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    wait: float = 0.0
    max_bytes: int = ANSWER_MAX_BYTES
    repeatable: bool = True


class Clock(Protocol):
    """The current time in whole unix seconds, UTC."""

    def __call__(self) -> int: ...


class SignedHttp:
    """Sends `Call`s to one broker as one partner. Safe for any number of tasks of one event loop."""

    def __init__(
        self,
        base_url: str,
        *,
        client: httpx2.AsyncClient,
        clock: Clock,
        broker_key: VerifyKey,
        keyid: str,
        signing_key: SigningKey,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        url = httpx2.URL(base_url)
        if url.path not in ("", "/") or url.query or url.userinfo or url.scheme not in ("http", "https"):
            raise ValueError("a broker's address is http(s)://host[:port] and nothing more")
        self._origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        self._authority = url.netloc.decode("ascii").lower()
        self._client = client
        self._clock = clock
        self._broker_key = broker_key
        self._keyid = keyid
        self._signing_key = signing_key
        self._retry = retry or RetryPolicy()
        self._sleep = sleep

    async def signed(self, call: Call, *, broker_id: str) -> Answer:
        """Sends a signed request and verifies the signed answer.

        Raises `BrokerProblem` for an answer of 400 and above, `ResponseUntrusted`, `BrokerUnreachable`.
        """

        async def attempt() -> Answer:
            parts = RequestParts(
                method=call.method,
                authority=self._authority,
                path=call.path,
                query=call.query,
                content_type=call.content_type,
                body=call.body,
            )
            headers = sign_request(parts, self._signing_key, keyid=self._keyid, now=self._clock())
            answer = await self._exchange(call, headers)
            if "signature" not in answer.headers and answer.status >= 400:
                return answer
            try:
                verify_response(
                    answer.status,
                    answer.body,
                    answer.headers,
                    request=parts,
                    request_headers=headers,
                    key=self._broker_key,
                    keyid=broker_id,
                    now=self._clock(),
                )
            except ProtocolError as error:
                raise ResponseUntrusted("the broker's answer carries no valid signature") from error
            return answer

        answer = await self._repeat(call, attempt)
        return _accepted(answer, proven="signature" in answer.headers)

    async def plain(self, call: Call, *, bearer: str | None = None) -> Answer:
        """Sends a public request, or one under a bearer token. The answer is unsigned: what matters in it signs itself.

        Raises as `signed`.
        """
        headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        return _accepted(await self._repeat(call, lambda: self._exchange(call, headers)), proven=False)

    async def _repeat(self, call: Call, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        last = self._retry.attempts - 1 if call.repeatable else 0
        for number in range(last + 1):
            try:
                answer = await attempt()
                if number == last or not _worth_repeating(answer):
                    break
            except BrokerUnreachable:
                if number == last:
                    raise
            await self._sleep(self._retry.pause(number))
        if answer.status in _PROXY_STATUSES:
            raise BrokerUnreachable("the broker is not available at the moment")
        return answer

    async def _exchange(self, call: Call, headers: dict[str, str]) -> Answer:
        url = f"{self._origin}{call.path}" + (f"?{call.query}" if call.query else "")
        sent = {"accept-encoding": "identity", **headers}
        if call.content_type is not None:
            sent["content-type"] = call.content_type
        timeout = httpx2.Timeout(ANSWER_TIMEOUT, connect=CONNECT_TIMEOUT, read=ANSWER_TIMEOUT + call.wait)
        try:
            request = self._client.build_request(call.method, url, content=call.body, headers=sent, timeout=timeout)
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                return await _read(response, call.max_bytes)
            finally:
                await response.aclose()
        except httpx2.RequestError as error:
            if _is_of_certificate(error):
                raise CertificateRefused("no trusted authority vouches for the broker's certificate") from error
            raise BrokerUnreachable("the broker could not be reached") from error


def _is_of_certificate(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _worth_repeating(answer: Answer) -> bool:
    if answer.status in _RETRIED_STATUSES:
        return True
    return (
        answer.status == _REPLAYED[0] and BrokerProblem.from_response(answer.status, answer.body).code == _REPLAYED[1]
    )


async def _read(response: httpx2.Response, max_bytes: int) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        if name in headers and name in ("signature", "signature-input", "content-digest"):
            raise ResponseUntrusted("the broker's answer repeats a header of its signature")
        headers[name] = value
    if headers.get("content-encoding", "identity") != "identity":
        raise ResponseUntrusted("the broker's answer is compressed, which nobody asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise ResponseUntrusted("the broker's answer is larger than allowed")
    return Answer(response.status_code, bytes(body), headers)


def _accepted(answer: Answer, *, proven: bool) -> Answer:
    if answer.status < 300:
        return answer
    if answer.status < 400:
        raise ResponseUntrusted("the broker's answer points elsewhere")
    problem = BrokerProblem.from_response(answer.status, answer.body)
    problem.proven = proven
    raise problem


def read_model(model: type[M], answer: Answer) -> M:
    """The answer's JSON as `model`: strict JSON, then the strict model. Raises `ResponseUntrusted`."""
    try:
        return parse_body(model, answer.body, max_bytes=ANSWER_MAX_BYTES)
    except ProtocolError as error:
        raise ResponseUntrusted("the broker's answer is not in the agreed form") from error
