"""SHA-256 and what is built from it: digests, HMAC, HKDF, comparison in constant time."""

import hashlib
import hmac
from typing import NewType

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DIGEST_SIZE = 32
"""Bytes of a SHA-256 digest."""

Digest = NewType("Digest", str)
"""A SHA-256 digest as 64 lower-case hexadecimal characters."""


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the concatenation of `parts` (32 bytes).

    Parts are not length-prefixed: callers pass a domain prefix and parts of fixed length, or one part of free length at
    the end.
    """
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.digest()


def digest_of(data: bytes) -> Digest:
    """SHA-256 of `data` in lower-case hexadecimal."""
    return Digest(hashlib.sha256(data).hexdigest())


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104), 32 bytes."""
    return hmac.digest(key, data, "sha256")


def hkdf_sha256(secret: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) with an empty salt.

    Args:
        secret: uniformly random input key material.
        info: domain prefix and context; distinct uses have distinct infos.
        length: bytes wanted, at most 8160.
    """
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)


def constant_time_equal(a: bytes, b: bytes) -> bool:
    """Whether `a` and `b` are equal; the time depends on their lengths only."""
    return hmac.compare_digest(a, b)
