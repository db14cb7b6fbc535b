"""The decision of a witness: is this checkpoint an extension of everything I have cosigned?

Rules, each of which refuses by raising (https://c2sp.org/tlog-witness):

1. The log whose key was pinned has signed the checkpoint, and its origin is that log's.
2. The sender proves consistency from the size that this witness remembers, from no other.
3. The size never shrinks, and one size has one root.
4. A larger tree comes with a consistency proof from the remembered root.
5. The new state is durable *before* the cosignature leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tacita_protocol.errors import ProofInvalid
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import verify_consistency
from tacita_protocol.tlog.note import CosignatureSigner, NoteVerifier
from tacita_protocol.tlog.trust import TrustPolicy


class Memory(Protocol):
    """Where a witness keeps its last checkpoint: `replace` compares and persists as one durable step, or raises."""

    def load(self) -> Checkpoint | None: ...

    def replace(self, expected: Checkpoint | None, new: Checkpoint) -> None: ...


@dataclass(frozen=True)
class Cosigned:
    """A cosignature: the size of the checkpoint and the signature line to put under its note."""

    size: int
    line: str


class Witness:
    """A witness of the one log whose key it was given."""

    def __init__(self, *, log: NoteVerifier, signer: CosignatureSigner, memory: Memory) -> None:
        self._log = TrustPolicy.parse(f"log {log.vkey}\nquorum none\n")
        self._signer = signer
        self._memory = memory

    @property
    def size(self) -> int:
        """The size of the last checkpoint cosigned, 0 before the first."""
        seen = self._memory.load()
        return seen.size if seen else 0

    def again(self, now: int) -> Cosigned | None:
        """Cosign the last checkpoint again, for a cosignature that did not arrive; None before the first."""
        seen = self._memory.load()
        return self._cosigned(seen, now) if seen else None

    def cosign(self, note: bytes, *, old: int, proof: Sequence[bytes], now: int) -> Cosigned:
        """Check the checkpoint in `note`, remember it, and cosign it at unix time `now`.

        `old` is the size from which `proof` (32-byte hashes) leads to the checkpoint. Raises SignatureInvalid,
        MalformedMessage or ProofInvalid when the checkpoint is refused, WitnessStateError or OSError when it cannot be
        remembered; then there is no cosignature.
        """
        checkpoint = self._log.check_log_signature(note)
        seen = self._memory.load()
        _require_extension(seen, checkpoint, old, proof)
        self._memory.replace(seen, checkpoint)
        return self._cosigned(checkpoint, now)

    def _cosigned(self, checkpoint: Checkpoint, now: int) -> Cosigned:
        return Cosigned(checkpoint.size, self._signer.cosign(checkpoint.text(), now))


def _require_extension(seen: Checkpoint | None, new: Checkpoint, old: int, proof: Sequence[bytes]) -> None:
    if new.size == 0:
        raise ProofInvalid("witness: an empty tree has nothing to witness")
    if seen is None:
        # The first checkpoint is trusted as it is: there is nothing yet that it could contradict.
        if old != 0 or proof:
            raise ProofInvalid("witness: a first checkpoint comes without a consistency proof")
        return
    if seen.origin != new.origin:
        raise ProofInvalid("witness: the remembered checkpoint belongs to another log")
    if old != seen.size:
        raise ProofInvalid("witness: the proof does not start at the remembered size")
    if new.size < seen.size:
        raise ProofInvalid("witness: the log was rolled back")
    verify_consistency(seen.size, seen.root, new.size, new.root, proof)
