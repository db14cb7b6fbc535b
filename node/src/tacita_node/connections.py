"""uvicorn's HTTP protocol with a limit that it lacks: how long the headers of a request may take to arrive.

Without it, connections that never say anything could take all places of the local API for ever.
"""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def http_protocol(header_seconds: float) -> type[HttpToolsProtocol]:
    """The protocol; a connection whose headers take longer is closed without an answer."""

    class PunctualProtocol(HttpToolsProtocol):
        _timer: TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
            super().connection_made(transport)
            self._expect_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._disarm()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._expect_headers()

        def on_headers_complete(self) -> None:
            self._disarm()
            super().on_headers_complete()

        def _expect_headers(self) -> None:
            self._disarm()
            self._timer = self.loop.call_later(header_seconds, self.transport.close)

        def _disarm(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return PunctualProtocol
