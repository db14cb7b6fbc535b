"""What a hostile peer may send instead of the three messages of ecdh: each message changed in one named way."""

from collections.abc import Callable

from tacita_protocol.errors import MalformedMessage, PeerViolation, ProtocolError

POINT = 33
NOT_ON_CURVE = b"\x02" + b"\x11" * 32  # x^3 - 3x + b is no square
OVER_THE_FIELD = b"\x02" + b"\xff" * 32
NOT_COMPRESSED = b"\x04" + b"\x11" * 32
IDENTITY = b"\x00" * 33


def first(replacement: bytes) -> Callable[[bytes, bytes], bytes]:
    return lambda honest, _seen: replacement + honest[POINT:]


def last(replacement: bytes) -> Callable[[bytes, bytes], bytes]:
    return lambda honest, _seen: honest[:-POINT] + replacement


def negated(points: bytes) -> bytes:
    """The same x coordinates with the other y."""
    return b"".join(bytes([points[i] ^ 1]) + points[i + 1 : i + POINT] for i in range(0, len(points), POINT))


def split(points: bytes) -> list[bytes]:
    return [points[i : i + POINT] for i in range(0, len(points), POINT)]


def in_order(points: bytes) -> bytes:
    return b"".join(sorted(split(points)))


# Each entry: a name, how the message is changed (from the honest message and what the victim itself sent), the error.
Change = Callable[[bytes, bytes], bytes]
Case = tuple[str, Change, type[ProtocolError]]
ANY_MESSAGE: list[Case] = [
    ("empty", lambda _honest, _seen: b"", MalformedMessage),
    ("one byte short", lambda honest, _seen: honest[:-1], MalformedMessage),
    ("one point short", lambda honest, _seen: honest[:-POINT], MalformedMessage),
    ("one byte more", lambda honest, _seen: honest + b"\x02", MalformedMessage),
    ("one point more", lambda honest, _seen: honest + honest[:POINT], MalformedMessage),
    ("a protobuf of the library", lambda honest, _seen: b"\x0a\x21" + honest[:-2], MalformedMessage),
    ("the identity", first(IDENTITY), MalformedMessage),
    ("an uncompressed prefix", last(NOT_COMPRESSED), MalformedMessage),
    ("all zeros", lambda honest, _seen: bytes(len(honest)), MalformedMessage),
    ("one point everywhere", lambda honest, _seen: honest[:POINT] * (len(honest) // POINT), PeerViolation),
    ("the first point twice", lambda honest, _seen: honest[:POINT] + honest[:-POINT], PeerViolation),
    ("our own message back", lambda _honest, seen: seen, PeerViolation),
    ("one point of our own", lambda honest, seen: seen[:POINT] + honest[POINT:], PeerViolation),
    ("our own message negated", lambda _honest, seen: negated(seen), PeerViolation),
]
REQUEST: list[Case] = [
    *ANY_MESSAGE,
    ("a point and its negative", lambda honest, _seen: honest[:-POINT] + negated(honest[:POINT]), PeerViolation),
    ("a point off the curve", first(NOT_ON_CURVE), MalformedMessage),
    ("a point off the curve in the last chunk", last(NOT_ON_CURVE), MalformedMessage),
    ("a coordinate over the field", last(OVER_THE_FIELD), MalformedMessage),
]
SETUP: list[Case] = [
    *ANY_MESSAGE,
    ("unsorted", lambda honest, _seen: honest[POINT:] + honest[:POINT], PeerViolation),
    ("sorted downwards", lambda honest, _seen: b"".join(sorted(split(honest), reverse=True)), PeerViolation),
    ("our own message back, sorted", lambda _honest, seen: in_order(seen), PeerViolation),
]
RESPONSE: list[Case] = [
    *ANY_MESSAGE,
    ("a point off the curve", first(NOT_ON_CURVE), MalformedMessage),
    ("a coordinate over the field", last(OVER_THE_FIELD), MalformedMessage),
]
COUNTED_RESPONSE: list[Case] = [
    *SETUP,
    ("a point off the curve", lambda honest, _seen: in_order(NOT_ON_CURVE + honest[POINT:]), MalformedMessage),
    ("a coordinate over the field", lambda honest, _seen: in_order(OVER_THE_FIELD + honest[POINT:]), MalformedMessage),
]
