"""Proofs: what is read back, and every byte of them matters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProofInvalid, ProtocolError
from tacita_protocol.tlog.proof import LogProof
from tests.support.memory_log import MemoryLog

LOG = MemoryLog()
for _i in range(11):
    LOG.append(b"entry %d" % _i)
PROOF = LOG.proof(5)
TEXT = PROOF.encode()


def test_round_trip() -> None:
    assert LogProof.parse(TEXT) == PROOF
    assert TEXT.startswith("c2sp.org/tlog-proof@v1\nindex 5\n")
    assert LogProof.parse(TEXT).verify(b"entry 5", LOG.trust).checkpoint.size == 11


def test_tree_of_one_has_no_hashes() -> None:
    log = MemoryLog()
    log.append(b"only")
    proof = log.proof(0).encode()
    assert proof.startswith("c2sp.org/tlog-proof@v1\nindex 0\n\nlog.tacita.test\n1\n")
    LogProof.parse(proof).verify(b"only", log.trust)


def test_another_entry_fails() -> None:
    with pytest.raises(ProofInvalid):
        PROOF.verify(b"entry 6", LOG.trust)


def test_quorum_without_the_excluded() -> None:
    with pytest.raises(ProofInvalid, match="too few independent"):
        PROOF.verify(b"entry 5", LOG.trust, excluded=frozenset({"witness-two"}))


def test_proof_under_another_checkpoint_fails() -> None:
    with pytest.raises(ProofInvalid):
        LogProof(5, PROOF.hashes, LOG.note(10)).verify(b"entry 5", LOG.trust)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("@v1", "@v2"),
        TEXT.replace("index 5", "extra AAAA\nindex 5"),
        TEXT.replace("index 5\n", ""),
        TEXT.replace("index 5", "index 05"),
        TEXT.replace("index 5", "index -5"),
        TEXT.replace("index 5", "index  5"),
        TEXT.replace("=\n", "\n", 1),
        TEXT.replace("\n\n", "\n", 1),
        TEXT.replace("\n\n", "\nAAAA\n\n", 1),
        TEXT + "\ud800",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        LogProof.parse(text)


def test_limits() -> None:
    with pytest.raises(LimitExceeded):
        LogProof.parse(TEXT + "x" * 100_000)
    line = TEXT.split("\n")[2]
    with pytest.raises(LimitExceeded):
        LogProof.parse(TEXT.replace(line, "\n".join([line] * 65), 1))


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(TEXT) - 1), replacement=st.sampled_from("aZ09+/= \n—"))
def test_one_changed_character_fails(position: int, replacement: str) -> None:
    if TEXT[position] == replacement:
        return
    changed = TEXT[:position] + replacement + TEXT[position + 1 :]
    with pytest.raises(ProtocolError):
        # Both witnesses are needed for the quorum, so not even a line that becomes a stranger's is forgiven.
        LogProof.parse(changed).verify(b"entry 5", LOG.trust)
