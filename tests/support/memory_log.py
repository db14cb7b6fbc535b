"""A log in memory: real entries, tree, notes, cosignatures and proofs, no files and no network."""

import hashlib
from collections.abc import Iterable, Mapping

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.entry import LoggedEntry, PublicType, build_card_entry, build_match_entry
from tacita_protocol.tlog.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of_leaves, tree_root
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner, compose
from tacita_protocol.tlog.proof import LogProof
from tacita_protocol.tlog.tiles import CHECKPOINT_PATH, encode_entries, entries_path, tile_width, tiles_for_growth
from tacita_protocol.tlog.trust import TrustPolicy, federation_policy

ORIGIN = "log.tacita.test"
INDEPENDENT_WITNESSES = ("witness-one", "witness-two")
SEALED = Digest("0" * 64)


def key_named(name: str) -> SigningKey:
    """A signing key that is the same in every run; distinct names have distinct keys."""
    return SigningKey.from_seed(hashlib.sha256(f"tests/{name}".encode()).digest())


class MemoryLog:
    """Integrates every entry at once, under a checkpoint that all witnesses cosign.

    `witnesses` are names beside the two independent ones, for example the partners' ids; `threshold` is the quorum.
    """

    def __init__(
        self, *, origin: str = ORIGIN, witnesses: Iterable[str] = (), threshold: int = 2, now: int = 1_800_000_000
    ) -> None:
        self.now = now
        self.origin = origin
        self.signer = NoteSigner(origin, key_named(origin))
        self.witnesses = {
            name: CosignatureSigner(name, key_named(f"witness/{name}")) for name in (*INDEPENDENT_WITNESSES, *witnesses)
        }
        self.trust: TrustPolicy = federation_policy(
            self.signer.verifier,
            {name: witness.verifier for name, witness in self.witnesses.items()},
            threshold=threshold,
        )
        self.entries: list[bytes] = []
        self._leaves: list[bytes] = []
        self._subtrees: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self.entries)

    def read(self, level: int, index: int) -> bytes:
        """A SubtreeReader over everything appended so far."""
        if (known := self._subtrees.get((level, index))) is None:
            leaves = self._leaves[index << level : (index + 1) << level]
            assert len(leaves) == 1 << level, "the tree holds no such complete subtree"
            known = self._subtrees[level, index] = root_of_leaves(leaves)
        return known

    def append(self, entry: bytes) -> int:
        """Integrate an entry; its index."""
        self.entries.append(entry)
        self._leaves.append(leaf_hash(entry))
        return self.size - 1

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """The head at `size` entries, by default now."""
        size = self.size if size is None else size
        return Checkpoint(self.origin, size, tree_root(size, self.read))

    def note(self, size: int | None = None, *, cosigners: Iterable[str] | None = None) -> bytes:
        """The signed checkpoint with the cosignatures of `cosigners`, by default of all witnesses."""
        text = self.checkpoint(size).text()
        names = self.witnesses if cosigners is None else cosigners
        return compose(text, [self.signer.sign(text), *(self.witnesses[name].cosign(text, self.now) for name in names)])

    def proof(self, index: int, size: int | None = None, *, cosigners: Iterable[str] | None = None) -> LogProof:
        """The proof of the entry at `index` under the checkpoint at `size`."""
        size = self.size if size is None else size
        hashes = inclusion_proof(index, size, self.read)
        return LogProof(index, tuple(hashes), self.note(size, cosigners=cosigners))

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """The consistency proof between two sizes."""
        return consistency_proof(old, self.size if new is None else new, self.read)

    def log_match_entry(
        self,
        items: Mapping[str, str],
        *,
        sealed: Digest = SEALED,
        time: int | None = None,
        cosigners: Iterable[str] | None = None,
    ) -> LoggedEntry:
        """Build, integrate and prove a match entry with all its disclosures."""
        built = build_match_entry(items, sealed=sealed, time=self.now if time is None else time, entropy=random_bytes)
        proof = self.proof(self.append(built.entry), cosigners=cosigners)
        return LoggedEntry(entry=b64u(built.entry), disclosures=built.disclosures, proof=proof.encode())

    def log_card(self, type: PublicType, digest: Digest) -> tuple[bytes, str]:  # noqa: A002  the entry's field name
        """Build, integrate and prove a public entry: the entry and its proof's text."""
        entry = build_card_entry(type, digest, self.now)
        return entry, self.proof(self.append(entry)).encode()

    def files(self, size: int | None = None) -> dict[str, bytes]:
        """The log as C2SP tlog-tiles files below its prefix, with the checkpoint."""
        size = self.size if size is None else size
        files = dict(tiles_for_growth(0, size, self.read))
        for index in range((size + 255) // 256):
            width = tile_width(0, index, size)
            files[entries_path(index, width)] = encode_entries(self.entries[index * 256 : index * 256 + width])
        files[CHECKPOINT_PATH] = self.note(size)
        return files
