"""Tokens: 32 bytes that stand for a canonical identifier, in packed arrays of shape `(n, 32)`.

A token is a plain hash: whoever sees it can test guesses. It never leaves the node; what an engine sees is bound to the
session, and what a peer sees is blinded.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.crypto.digest import Digest, hmac_sha256
from tacita_protocol.crypto.random_arrays import TOKEN_SIZE
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.tlog.merkle import leaf_hash, root_of_leaves

SESSION_ID_SIZE = 32
"""Bytes of a session id."""

SEED_SIZE = 32
"""Bytes of the secret behind the salts of a commitment."""

Tokens = NDArray[np.uint8]
"""Packed tokens, shape `(n, 32)`."""

_TOKEN_PREFIX = b"tacita/token/v1"
_SESSION_TOKEN_PREFIX = b"tacita/session-token/v1"


def tokenise(kind: Kind, canonicals: Sequence[str]) -> Tokens:
    """The tokens of canonical identifiers, in their order: of each its UTF-8 bytes are hashed.

    Args:
        kind: the kind of all of them.
        canonicals: what `normalise` returned.
    """
    from tacita_protocol.identifiers.normalise import normaliser_version  # here: engines need no tables of phone plans

    return hash_tokens(kind, normaliser_version(kind), [canonical.encode() for canonical in canonicals])


def hash_tokens(kind: Kind, version: str, values: Sequence[bytes]) -> Tokens:
    """The tokens that stand for `values`, in their order.

    token = SHA-256("tacita/token/v1" 00 kind 00 normaliser-version 00 value)

    Args:
        kind: the kind of all of them.
        version: of the rules that made the values, as `kind/version`.
        values: what two partners must have in common, byte by byte.
    """
    return _hash_each(b"\0".join((_TOKEN_PREFIX, kind.encode(), version.encode(), b"")), values)


def bind_tokens(tokens: Tokens, *, session_id: bytes, run: int, partition: int) -> Tokens:
    """What an engine sees instead of `tokens`, in their order: useless outside this session, run and partition.

    bound = SHA-256("tacita/session-token/v1" || session id || u32(run) || u32(partition) || token)

    Args:
        tokens: shape `(n, 32)`.
        session_id: 32 bytes that both sides derived.
        run: number of the run in the session, below 2^32.
        partition: number of the hash partition in the run, below 2^32.
    """
    if len(session_id) != SESSION_ID_SIZE:
        raise ValueError("a session id has 32 bytes")
    check_tokens(tokens)
    prefix = _SESSION_TOKEN_PREFIX + session_id + run.to_bytes(4, "big") + partition.to_bytes(4, "big")
    packed = tokens.tobytes()
    return _hash_each(prefix, [packed[start : start + TOKEN_SIZE] for start in range(0, len(packed), TOKEN_SIZE)])


def commitment(tokens: Tokens, seed: bytes) -> Digest:
    """Salted Merkle root (RFC 6962) of `tokens` in their order: what a partner claims to have put in.

    leaf i = leaf hash of (HMAC-SHA256(seed, u64(i)) || token i): the root tells nothing about tokens to somebody who
    lacks the seed, and one leaf can be opened without the others.

    Args:
        tokens: shape `(n, 32)`.
        seed: 32 secret bytes, fresh for every commitment.
    """
    if len(seed) != SEED_SIZE:
        raise ValueError("a commitment's seed has 32 bytes")
    check_tokens(tokens)
    packed = tokens.tobytes()
    return Digest(
        root_of_leaves(
            [
                leaf_hash(hmac_sha256(seed, i.to_bytes(8, "big")) + packed[i * TOKEN_SIZE : (i + 1) * TOKEN_SIZE])
                for i in range(len(tokens))
            ]
        ).hex()
    )


def check_tokens(tokens: Tokens) -> None:
    """Raises `ValueError` unless `tokens` is a packed array of shape `(n, 32)`."""
    if tokens.dtype != np.uint8 or tokens.ndim != 2 or tokens.shape[1] != TOKEN_SIZE:
        raise ValueError("tokens are a uint8 array of shape (n, 32)")


def _hash_each(prefix: bytes, messages: Sequence[bytes]) -> Tokens:
    """SHA-256(prefix || message) of each message. The state after the prefix is copied, which halves the time."""
    start = hashlib.sha256(prefix)
    digests = bytearray()
    for message in messages:
        state = start.copy()
        state.update(message)
        digests += state.digest()
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, TOKEN_SIZE)
