"""A proof that an entry is in the log, readable offline and by others' tools (https://c2sp.org/tlog-proof).

```
c2sp.org/tlog-proof@v1
index 73894
<base64 hash>, one a line, from the leaf's sibling upward

<the checkpoint's note>
```

The format's optional `extra` line is refused: it is not authenticated, and nothing here needs it.
"""

from dataclasses import dataclass
from typing import Final, Self

from tacita_protocol.crypto.encoding import b64, from_b64
from tacita_protocol.errors import LimitExceeded, MalformedMessage
from tacita_protocol.tlog.merkle import HASH_BYTES, MAX_PROOF_HASHES, MAX_TREE_SIZE, leaf_hash, verify_inclusion
from tacita_protocol.tlog.note import MAX_NOTE_BYTES, decode_decimal
from tacita_protocol.tlog.trust import TrustPolicy, VerifiedCheckpoint

PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF_CHARACTERS: Final = MAX_NOTE_BYTES + 8192


@dataclass(frozen=True)
class LogProof:
    """The index of an entry, its audit path (32-byte hashes), and the checkpoint that covers it, as a note."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: bytes

    def encode(self) -> str:
        """The text of the proof."""
        lines = [PROOF_HEADER, f"index {self.index}", *map(b64, self.hashes), ""]
        return "".join(f"{line}\n" for line in lines) + self.checkpoint_note.decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text. Raises MalformedMessage or LimitExceeded; the note inside is not looked at yet."""
        if len(text) > MAX_PROOF_CHARACTERS:
            raise LimitExceeded("proof: too long")
        head, separator, note = text.partition("\n\n")
        header, *rest = head.split("\n")
        if not separator or header != PROOF_HEADER or not rest or not rest[0].startswith("index "):
            raise MalformedMessage(
                "proof: expected the header, an index, hashes, a blank line and a note", field="proof"
            )
        if len(rest) - 1 > MAX_PROOF_HASHES:
            raise LimitExceeded("proof: too many hashes")
        try:
            checkpoint_note = note.encode()
        except UnicodeEncodeError:
            raise MalformedMessage("not UTF-8", field="proof") from None
        index = decode_decimal(rest[0].removeprefix("index "), maximum=MAX_TREE_SIZE, field="index")
        hashes = tuple(from_b64(line, length=HASH_BYTES, field="proof") for line in rest[1:])
        return cls(index, hashes, checkpoint_note)

    def verify(self, entry: bytes, trust: TrustPolicy, *, excluded: frozenset[str] = frozenset()) -> VerifiedCheckpoint:
        """Check that the entry stands at this index of the log that `trust` names, witnessed by its quorum.

        Raises MalformedMessage, SignatureInvalid or ProofInvalid.
        """
        verified = trust.check(self.checkpoint_note, excluded=excluded)
        checkpoint = verified.checkpoint
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.hashes, checkpoint.root)
        return verified
