"""Hash partitions: which one each token belongs to. Apart from `partition.py`, which counts and needs no arrays."""

import hmac

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi.engine import RunParameters, Task

MAX_TASK_TOKENS = 2**17
"""Tokens that one task assigns, a fifth of a second."""


def assignment(tokens: Tokens, p: RunParameters, partitions: int) -> tuple[Task, ...]:
    """Tasks whose results, one after the other, are the partition of each token:

        HMAC-SHA256(session id, u32(run) || token), its first eight bytes (big endian) modulo `partitions`

    Keyed, so that nobody can choose tokens that crowd into one bin before the session has begun.
    """
    return tuple(
        Task(_partition_of_each, (tokens[start : start + MAX_TASK_TOKENS], p.session_id, p.run, partitions))
        for start in range(0, len(tokens), MAX_TASK_TOKENS)
    )


def _partition_of_each(tokens: Tokens, session_id: bytes, run: int, partitions: int) -> NDArray[np.uint16]:
    keyed = hmac.new(session_id, run.to_bytes(4, "big"), "sha256")
    packed, width = tokens.tobytes(), tokens.shape[1]
    starts = bytearray()
    for start in range(0, len(packed), width):
        state = keyed.copy()
        state.update(packed[start : start + width])
        starts += state.digest()[:8]
    return (np.frombuffer(starts, dtype=">u8") % partitions).astype(np.uint16)
