"""The one place that touches openmined-psi (untyped): ECDH over P-256 with points packed as 33-byte compressed rows.

Every call makes an object of its own from the key: one object used from two threads aborts the process. Elements go in
as hexadecimal text, because the library hashes text to the curve.

The library forgives what a peer may send (other set structures, short or empty answers, duplicates), so a peer's bytes
never reach its protobuf parser: its messages are built here, from rows that were checked before.
"""

from functools import cache
from typing import Any

POINT_SIZE = 33
"""Bytes of a compressed P-256 point (SEC 1 section 2.3.3): 02 or 03, then the x coordinate."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-4 D.1.2.3)


class PointRejected(Exception):
    """The library could not read a point: it is not on the curve."""


@cache
def _library() -> Any:
    """Imported by the processes that compute, not by the node that hands out their tasks."""
    import private_set_intersection.python as openmined

    return openmined


def library() -> str:
    """Name and version of the library."""
    return f"openmined-psi {_library().__version__}"


def new_key() -> bytes:
    """A fresh private scalar (32 bytes, big-endian), drawn by the library. Good for either role."""
    return bytes(_library().client.CreateWithNewKey(reveal_intersection=True).GetPrivateKeyBytes())


def blinded(key: bytes, elements: list[str]) -> bytes:
    """H(element)^key of each distinct element, packed, in their order: what either side sends of its own.

    A setup of the library holds the same points, sorted; sorting chunks that are merged and sorted again is work twice.
    """
    request = _library().client.CreateFromKey(key, reveal_intersection=True).CreateRequest(elements)
    return b"".join(request.encrypted_elements)


def inverse(key: bytes) -> bytes:
    """The scalar that takes `key` off again: blinding with both gives the point back."""
    return pow(int.from_bytes(key, "big"), -1, _ORDER).to_bytes(32, "big")


def blinded_again(key: bytes, points: bytes) -> bytes:
    """point^key of each packed point, in their order.

    With an inverse key this unblinds. The library's own last step does the same, but reads the whole setup into a set
    of 500 bytes an element first, once in every process.

    Raises:
        PointRejected: one of them is not on the curve.
    """
    request = _library().Request(reveal_intersection=True, encrypted_elements=_split(points))
    try:
        response = _library().server.CreateFromKey(key, reveal_intersection=True).ProcessRequest(request)
    except RuntimeError as error:
        raise PointRejected("a point is not on the curve") from error
    return b"".join(response.encrypted_elements)


def _split(points: bytes) -> list[bytes]:
    return [points[start : start + POINT_SIZE] for start in range(0, len(points), POINT_SIZE)]
