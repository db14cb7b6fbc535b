"""A TCP proxy that keeps every byte in both directions: what a wire-tap between node and broker would see."""

import socket
import socketserver
import threading
from types import TracebackType
from typing import Self

READ_BYTES = 65_536


class RecordingProxy:
    """Listens on a loopback port and forwards to `target`; `recorded` holds all bytes seen so far."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._recorded = bytearray()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy._forward(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def recorded(self) -> bytes:
        """Everything that passed, both directions, in the order of arrival."""
        with self._lock:
            return bytes(self._recorded)

    def _forward(self, client: socket.socket) -> None:
        with socket.create_connection(self._target) as upstream:
            pumps = [
                threading.Thread(target=self._pump, args=pair, daemon=True)
                for pair in ((client, upstream), (upstream, client))
            ]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(READ_BYTES):
                with self._lock:
                    self._recorded += data
                sink.sendall(data)
        except OSError:
            return
        finally:
            try:
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                source.close()
