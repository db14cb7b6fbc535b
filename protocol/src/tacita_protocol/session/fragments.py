"""One engine message in as many frames as it needs.

The plaintext of a frame is one byte (0 the message ends here, 1 it goes on) and a piece of the message. A piece that
does not end its message fills its frame, so a message has exactly one fragmentation.
"""

from collections.abc import Iterator

from tacita_protocol.crypto.frames import MAX_FRAME_PLAINTEXT
from tacita_protocol.errors import LimitExceeded, MalformedMessage, PeerViolation

PIECE_BYTES = MAX_FRAME_PLAINTEXT - 1
"""Most bytes of a message in one frame."""

_ENDS = 0
_GOES_ON = 1


def fragment(message: bytes, *, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """The frame plaintexts for `message`, at least one."""
    view = memoryview(message)
    last = max(0, len(message) - 1) // piece_bytes
    for number in range(last + 1):
        mark = _ENDS if number == last else _GOES_ON
        yield bytes((mark,)) + view[number * piece_bytes : (number + 1) * piece_bytes]


class Assembler:
    """Puts the peer's messages together again, never holding more than `max_message_bytes`."""

    def __init__(self, max_message_bytes: int, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._max = max_message_bytes
        self._piece_bytes = piece_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, plaintext: bytes, *, final: bool) -> bytes | None:
        """The message that `plaintext` completes, or None if it goes on.

        `final` is the frame's flag. Raises `MalformedMessage`, `PeerViolation` or `LimitExceeded`.
        """
        mark = plaintext[:1]
        if mark not in (bytes((_ENDS,)), bytes((_GOES_ON,))):
            raise MalformedMessage("a frame starts with 0 or 1", field="frame.fragment")
        piece = plaintext[1:]
        goes_on = mark[0] == _GOES_ON
        if goes_on and (final or len(piece) != self._piece_bytes):
            raise PeerViolation(
                "a piece that does not end its message is neither short nor final", field="frame.fragment"
            )
        if self._pieces and not piece:
            raise PeerViolation("a message does not end with an empty piece", field="frame.fragment")
        if self._size + len(piece) > self._max:
            raise LimitExceeded("the peer's message is longer than this match allows")
        self._pieces.append(piece)
        self._size += len(piece)
        if goes_on:
            return None
        message = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return message
