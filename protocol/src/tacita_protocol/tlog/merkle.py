"""The Merkle tree of the log: RFC 6962 hashing, RFC 9162 proofs.

A tree is never held here. Whoever wants a root or a proof passes a `SubtreeReader`, which answers with the hash of a
*complete* subtree; the incomplete right edge is always computed. So the same code serves a log on disk, an auditor with
tiles, and a list in a test.

Size 0 stands outside the proofs: an empty tree holds nothing and is consistent with everything, which proves nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final

from tacita_protocol.crypto.digest import constant_time_equal, sha256
from tacita_protocol.errors import ProofInvalid

HASH_BYTES: Final = 32
MAX_TREE_SIZE: Final = 2**53 - 1
MAX_PROOF_HASHES: Final = 64

EMPTY_ROOT: Final = sha256(b"")

SubtreeReader = Callable[[int, int], bytes]
"""(level, index) -> 32-byte hash of the complete subtree over leaves [index * 2^level, (index + 1) * 2^level)."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 || entry) (RFC 6962 section 2.1)."""
    return sha256(b"\x00", entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 || left || right) (RFC 6962 section 2.1)."""
    return sha256(b"\x01", left, right)


def tree_root(size: int, read: SubtreeReader) -> bytes:
    """The root of the tree of the first `size` leaves; the empty tree's root for 0."""
    _require_size(size)
    return _range_root(0, size, read) if size else EMPTY_ROOT


def root_of_leaves(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes, each 32 bytes."""
    if not leaf_hashes:
        return EMPTY_ROOT
    _require_hashes(leaf_hashes)
    nodes = list(leaf_hashes)
    while len(nodes) > 1:
        # An odd last node rises unchanged: it is the right edge, whose sibling does not exist at this level.
        odd = nodes[-1:] if len(nodes) % 2 else []
        nodes = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes) - 1, 2)] + odd
    return nodes[0]


def inclusion_proof(index: int, size: int, read: SubtreeReader) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling upward (RFC 9162 2.1.3.1).

    Raises ProofInvalid when the tree has no such leaf.
    """
    _require_size(size)
    if not 0 <= index < size:
        raise ProofInvalid("inclusion proof: the tree holds no leaf with this index")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, read))
            end = middle
        else:
            path.append(_range_root(start, middle, read))
            start = middle
    path.reverse()
    return path


def consistency_proof(old: int, new: int, read: SubtreeReader) -> list[bytes]:
    """The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 9162 2.1.4.1).

    Raises ProofInvalid unless 0 < old <= new: a proof from the empty tree would say nothing.
    """
    _require_size(new)
    if not 0 < old <= new:
        raise ProofInvalid("consistency proof: the old size must lie between 1 and the new size")
    proof: list[bytes] = []
    start, end = 0, new
    # While the old tree ends inside [start, end), descend towards its edge and note the other half.
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    if start:
        # The old root itself is known to the verifier; a proper subtree of the old tree is not.
        proof.append(_range_root(start, end, read))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash stands at `index` in the tree of `size` leaves with this root (RFC 9162 2.1.3.2).

    Raises ProofInvalid.
    """
    _require_size(size)
    _require_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise ProofInvalid("inclusion: the index lies outside the tree")
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("inclusion: the proof has too many hashes")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofInvalid("inclusion: the proof has too few hashes")
    if not constant_time_equal(computed, root):
        raise ProofInvalid("inclusion: the proof leads to another root")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the old tree is a prefix of the new one (RFC 9162 2.1.4.2).

    Raises ProofInvalid, and always for an old size of 0: whoever starts from nothing has nothing to compare.
    """
    _require_size(new_size)
    _require_hashes((old_root, new_root, *proof))
    if not 0 < old_size <= new_size:
        raise ProofInvalid("consistency: the old size must lie between 1 and the new size")
    if old_size == new_size:
        if proof:
            raise ProofInvalid("consistency: a proof between equal sizes must be empty")
        if not constant_time_equal(old_root, new_root):
            raise ProofInvalid("consistency: two roots for one size")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise ProofInvalid("consistency: the proof has too few hashes")
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofInvalid("consistency: the proof has too many hashes")
        if position & 1 or position == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_computed = node_hash(new_computed, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofInvalid("consistency: the proof has too few hashes")
    if not constant_time_equal(old_computed, old_root):
        raise ProofInvalid("consistency: the proof does not lead to the old root")
    if not constant_time_equal(new_computed, new_root):
        raise ProofInvalid("consistency: the proof does not lead to the new root")


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (RFC 6962's k), for count >= 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(start: int, end: int, read: SubtreeReader) -> bytes:
    """The root over leaves [start, end), where start is a multiple of the power of two that covers the range."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        value = read(level, start >> level)
        _require_hashes((value,))
        return value
    middle = start + _split(count)
    return node_hash(_range_root(start, middle, read), _range_root(middle, end, read))


def _require_size(size: int) -> None:
    if not 0 <= size <= MAX_TREE_SIZE:
        raise ProofInvalid("tree size out of range")


def _require_hashes(hashes: Sequence[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofInvalid("a hash is not 32 bytes long")
