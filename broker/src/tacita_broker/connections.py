"""uvicorn's HTTP protocol with the limits that it lacks: connections, and the size and the time of headers.

Without them, connections that never say anything could take all places for ever. Each refusal is a problem document.
"""

from asyncio import TimerHandle, Transport
from collections import Counter
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tacita_broker.config import Settings
from tacita_broker.problems import PROBLEM_TYPE
from tacita_protocol.api import Problem


def http_protocol(settings: Settings) -> type[HttpToolsProtocol]:
    """The protocol of one server; it counts that server's connections.

    Behind a proxy every connection comes from one address: there it is the proxy that counts addresses.
    """
    per_address = settings.connections if settings.behind_proxy else settings.connections_per_address
    addresses: Counter[str] = Counter()

    class BoundedProtocol(HttpToolsProtocol):
        _timer: TimerHandle | None = None
        _awaiting_headers = True
        _bare_bytes = 0
        _body_grew = False
        _address = ""

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            self._address = self.client[0] if self.client else ""
            addresses[self._address] += 1
            if len(self.connections) > settings.connections:
                self._refuse(503, "busy", "All connections are taken; try again later.")
            elif addresses[self._address] > per_address:
                self._refuse(429, "too-many-connections", "Too many connections from this address.")
            else:
                self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            addresses[self._address] -= 1
            if not addresses[self._address]:
                del addresses[self._address]
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._await_headers()

        def on_header(self, name: bytes, value: bytes) -> None:
            if not self._awaiting_headers:
                raise ValueError("trailers")  # kept by uvicorn, read by nobody, without an end
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            if not self.url.startswith(b"/"):
                raise ValueError("absolute")  # names a host that need not be the one in the Host header
            self._disarm()
            self._awaiting_headers = False
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._body_grew = True
            super().on_body(body)

        def data_received(self, data: bytes) -> None:
            self._body_grew = False
            super().data_received(data)
            # What is no body is bounded here: headers, and whatever a chunked body is wrapped into.
            self._bare_bytes = 0 if self._body_grew else self._bare_bytes + len(data)
            if self._bare_bytes > settings.header_bytes and not self.transport.is_closing():
                self._refuse(431, "headers", "The headers of this request are too large.")

        def send_400_response(self, msg: str) -> None:
            del msg  # the library's own text is no problem document
            self._refuse(400, "malformed", "This is not a valid HTTP/1.1 request.")

        def _await_headers(self) -> None:
            self._disarm()
            self._awaiting_headers, self._bare_bytes = True, 0
            self._timer = self.loop.call_later(settings.header_seconds, self._too_slow)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _too_slow(self) -> None:
            if not self.transport.is_closing():
                self._refuse(408, "too-slow", "The headers of this request did not arrive in time.")

        def _refuse(self, status: int, code: str, detail: str) -> None:
            phrase = HTTPStatus(status).phrase
            body = Problem.of(status, code, phrase, detail).model_dump_json().encode()
            retry = f"retry-after: {RETRY_SECONDS}\r\n" if status in (429, 503) else ""
            head = (
                f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {PROBLEM_TYPE}\r\ncontent-length: {len(body)}\r\n"
                f"cache-control: no-store\r\n{retry}connection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

    return BoundedProtocol


RETRY_SECONDS = 5
"""After which a refused connection may be tried again."""
