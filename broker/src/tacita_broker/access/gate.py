"""The outermost layer: what every request must be like, how many may come, and signatures on answers to signed ones.

A plain ASGI layer, because the framework's own middleware would cancel handlers and hide disconnects.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tacita_broker.access.rates import Rate, Rates, address_key
from tacita_broker.config import Settings
from tacita_broker.problems import ProblemError, problem_response
from tacita_protocol.crypto.httpsig import RequestParts, sign_response
from tacita_protocol.crypto.keys import SigningKey

EXCHANGE = "tacita.exchange"
"""Where the scope keeps the `Exchange`."""

_ONCE = frozenset(
    {
        b"authorization",
        b"content-digest",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"signature",
        b"signature-input",
        b"transfer-encoding",
    }
)
"""Headers of which a second one would be read differently by different readers."""


@dataclass
class Exchange:
    """One request. `verified` is set once its signature holds; then the answer is signed."""

    headers: dict[str, str]
    """Lower-case names; those that came more than once are the harmless ones, joined by commas."""
    address: str
    """Whose request it is until it is known whose (`rates.address_key`)."""
    partner: str | None = None
    """Whose request it is: set by `belongs_to`."""
    verified: RequestParts | None = None


class Gate:
    """Refuses ambiguous requests and foreign authorities; signs answers.

    Every request counts for its address, until it turns out to be a partner's (`belongs_to`). Behind a proxy the
    address is the last one in `X-Forwarded-For`: the only one that the proxy itself wrote.
    """

    def __init__(
        self, app: ASGIApp, *, settings: Settings, key: SigningKey, clock: Callable[[], int], rates: Rates
    ) -> None:
        self._app = app
        self._settings = settings
        self._authorities = settings.accepted_authorities
        self._key = key
        self._clock = clock
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            address = self._address(scope)
            self._rates.public.take(address)
            exchange = Exchange(self._checked_headers(scope), address)
        except ProblemError as error:
            await problem_response(error)(scope, receive, send)
            return
        scope[EXCHANGE] = exchange
        await self._app(scope, receive, _Signing(exchange, self._sign, send))

    def _address(self, scope: Scope) -> str:
        if self._settings.behind_proxy:
            forwarded = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
            return address_key(forwarded[-1].decode("latin-1").rpartition(",")[2]) if forwarded else ""
        client = scope.get("client")
        return "" if client is None else address_key(str(client[0]))

    def _checked_headers(self, scope: Scope) -> dict[str, str]:
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name = raw_name.lower()
            text, value = name.decode("latin-1"), raw_value.decode("latin-1")
            if text in headers:
                if name in _ONCE:
                    raise ProblemError(400, "duplicate-header", "A header field that must be single came twice.")
                value = f"{headers[text]}, {value}"
            headers[text] = value
        if headers.get("host", "").lower() not in self._authorities:
            raise ProblemError(421, "unknown-authority", "This broker is not reached under this host name.")
        length = headers.get("content-length", "0")
        largest = max(self._settings.json_body_bytes, self._settings.frame_bytes)
        if not (length.isascii() and length.isdigit() and len(length) <= 15):
            raise ProblemError(400, "malformed", "The content length is not a number.")
        if int(length) > largest:
            raise ProblemError(
                413, "limit-exceeded", f"A body has at most {largest} bytes.", headers={"connection": "close"}
            )
        return headers

    def _sign(self, exchange: Exchange, status: int, body: bytes) -> dict[str, str]:
        if exchange.verified is None:
            raise RuntimeError("only the answer to a verified request is signed")
        return sign_response(
            status,
            body,
            request=exchange.verified,
            request_headers=exchange.headers,
            key=self._key,
            keyid=self._settings.broker,
            now=self._clock(),
        )


def belongs_to(exchange: Exchange, partner: str, rates: Rates, rate: Rate) -> None:
    """The request is a partner's: from here on it counts for it, and not for the address. Raises a 429 problem."""
    if exchange.partner is None:
        exchange.partner = partner
        rates.public.give_back(exchange.address)
        rate.take(partner)


class _Signing:
    """Passes an answer on; holds it back until it is complete when it has to be signed."""

    def __init__(self, exchange: Exchange, sign: Callable[[Exchange, int, bytes], dict[str, str]], send: Send) -> None:
        self._exchange = exchange
        self._sign = sign
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if self._exchange.verified is None:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = bytes(self._body)
        signed = self._sign(self._exchange, start["status"], body)
        headers = [*start["headers"], *((name.encode(), value.encode("ascii")) for name, value in signed.items())]
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
