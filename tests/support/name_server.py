"""A DNS server on loopback that knows one address for every name, which may change."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

_HEADER = struct.Struct("!6H")
_ANSWERED = 0x8180
_A = 1


@dataclass
class Names:
    """Where every name leads, and the port at which one asks."""

    address: str
    port: int = 0


@contextmanager
def name_server(address: str) -> Iterator[Names]:
    """Answers who asks for a name's IPv4 address with the `address` of that moment (RFC 1035), others with none."""
    names = Names(address)

    class Handler(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            asked = self.rfile.read()
            identity, _, questions, *_ = _HEADER.unpack_from(asked)
            end = asked.index(0, _HEADER.size) + 5  # after the name: its closing zero, type, class
            (kind,) = struct.unpack_from("!H", asked, end - 4)
            answers = kind == _A
            self.wfile.write(_HEADER.pack(identity, _ANSWERED, questions, answers, 0, 0) + asked[_HEADER.size : end])
            if answers:  # the name of the question, type, class, seconds to keep it, length
                self.wfile.write(struct.pack("!HHHIH", 0xC000 | _HEADER.size, _A, 1, 1, 4))
                self.wfile.write(IPv4Address(names.address).packed)

    with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
        names.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield names
        finally:
            server.shutdown()
            thread.join()
