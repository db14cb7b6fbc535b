"""Hashing and proofs against an independent implementation, and each other."""

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto.digest import sha256
from tacita_protocol.errors import ProofInvalid
from tacita_protocol.tlog.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of_leaves,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from tests.support.memory_log import MemoryLog


def grown(count: int) -> MemoryLog:
    log = MemoryLog()
    for i in range(count):
        log.append(b"entry %d" % i)
    return log


@pytest.mark.parametrize(
    ("leaves", "root"),
    [
        # RFC 6962's reference tree (transparency-dev/merkle, testonly/constants.go).
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_reference_roots(leaves: int, root: str) -> None:
    entries = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    entries.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
    assert root_of_leaves([leaf_hash(entry) for entry in entries[:leaves]]).hex() == root


def test_empty_tree() -> None:
    log = MemoryLog()
    assert tree_root(0, log.read) == EMPTY_ROOT == sha256(b"")
    with pytest.raises(ProofInvalid):
        inclusion_proof(0, 0, log.read)
    with pytest.raises(ProofInvalid):
        consistency_proof(0, 0, log.read)
    with pytest.raises(ProofInvalid):
        verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])


def test_every_proof_of_every_small_tree_verifies() -> None:
    log = grown(40)
    for size in range(1, 41):
        root = log.checkpoint(size).root
        for index in range(size):
            verify_inclusion(leaf_hash(log.entries[index]), index, size, inclusion_proof(index, size, log.read), root)
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, log.read)
            verify_consistency(old, log.checkpoint(old).root, size, root, proof)


@settings(max_examples=30, deadline=None)
@given(entries=st.lists(st.binary(max_size=40), min_size=1, max_size=80), data=st.data())
def test_agrees_with_pymerkle(entries: list[bytes], data: st.DataObject) -> None:
    peer = pymerkle.InmemoryTree(algorithm="sha256")
    log = MemoryLog()
    for entry in entries:
        peer.append_entry(entry)
        log.append(entry)
    size = data.draw(st.integers(1, len(entries)))
    old = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, size - 1))

    assert log.checkpoint(size).root == peer.get_root(size)
    inclusion = peer.prove_inclusion(index + 1, size)
    pymerkle.verify_inclusion(peer.get_leaf(index + 1), peer.get_root(size), inclusion)
    # pymerkle's path begins with the leaf itself.
    assert inclusion_proof(index, size, log.read) == [bytes.fromhex(h) for h in inclusion.serialize()["path"][1:]]
    assert log.checkpoint(old).root == peer.get_root(old)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_fails_inclusion(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    log = grown(size)
    parts = [leaf_hash(log.entries[index]), log.checkpoint().root, *inclusion_proof(index, size, log.read)]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flipped(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofInvalid):
        verify_inclusion(parts[0], index, size, parts[2:], parts[1])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_fails_consistency(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, size))
    log = grown(size)
    parts = [log.checkpoint(old).root, log.checkpoint().root, *consistency_proof(old, size, log.read)]
    which = data.draw(st.integers(0, len(parts) - 1))
    parts[which] = flipped(parts[which], data.draw(st.integers(0, 255)))
    with pytest.raises(ProofInvalid):
        verify_consistency(old, parts[0], size, parts[1], parts[2:])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_proof_of_another_length_or_place_fails(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    log = grown(size)
    leaf, root = leaf_hash(log.entries[index]), log.checkpoint().root
    proof = inclusion_proof(index, size, log.read)
    elsewhere = data.draw(st.integers(0, size - 1).filter(lambda i: i != index))
    for case in [(index, proof[:-1]), (index, [*proof, root]), (index, proof[1:]), (elsewhere, proof), (size, proof)]:
        with pytest.raises(ProofInvalid):
            verify_inclusion(leaf, case[0], size, case[1], root)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_hash_of_another_length_is_refused(length: int) -> None:
    short, whole = bytes(length), bytes(32)
    with pytest.raises(ProofInvalid, match="32 bytes"):
        verify_inclusion(short, 0, 1, [], whole)
    with pytest.raises(ProofInvalid, match="32 bytes"):
        verify_inclusion(whole, 0, 1, [], short)
    with pytest.raises(ProofInvalid, match="32 bytes"):
        verify_inclusion(whole, 0, 2, [short], whole)
    with pytest.raises(ProofInvalid, match="32 bytes"):
        verify_consistency(1, short, 1, short, [])
    with pytest.raises(ProofInvalid, match="32 bytes"):
        tree_root(1, lambda _level, _index: short)


def flipped(value: bytes, bit: int) -> bytes:
    return bytes(b ^ (1 << bit % 8 if i == bit // 8 else 0) for i, b in enumerate(value))
