"""HTTP by hand over a socket, for what no proper client sends; and how much memory a process has needed."""

import re
import select
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 30.0
QUIET_SECONDS = 0.1
"""An answer after which nothing comes for so long is over; the connection may be kept."""
READ_BYTES = 65_536


@dataclass(frozen=True)
class Exchange:
    """What was sent until the other side ended it, and what it said."""

    sent: int
    answer: bytes
    seconds: float

    @property
    def statuses(self) -> list[int]:
        """The status of each answer; more than one when a body was taken for a request."""
        return [int(status) for status in re.findall(rb"^HTTP/1\.[01] ([0-9]{3}) ", self.answer, re.MULTILINE)]


def pour(port: int, chunks: Iterable[bytes], *, pause: float = 0.0) -> Exchange:
    """Send `chunks` (may be endless) to a loopback port until the other side answers or hangs up; read what it says.

    `pause` seconds lie between two chunks. Raises `AssertionError` when neither happens within `PATIENCE_SECONDS`.
    """
    began, sent, answer = time.monotonic(), 0, bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        try:
            for chunk in chunks:
                if _readable(connection, pause):
                    break
                assert time.monotonic() - began < PATIENCE_SECONDS, "nobody stops the sender"
                connection.sendall(chunk)
                sent += len(chunk)
            while _readable(connection, QUIET_SECONDS if answer else PATIENCE_SECONDS):
                if not (data := connection.recv(READ_BYTES)):
                    break
                answer += data
        except (ConnectionError, BrokenPipeError):
            answer += _rest(connection)
    return Exchange(sent, bytes(answer), time.monotonic() - began)


def peak_memory(process: int) -> int:
    """The most memory, in bytes, that a process has had resident so far (Linux)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _readable(connection: socket.socket, seconds: float) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])


def _rest(connection: socket.socket) -> bytes:
    """What had arrived before the connection broke."""
    try:
        return connection.recv(READ_BYTES)
    except ConnectionError:
        return b""
