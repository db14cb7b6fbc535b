"""The witness's decision, and what it remembers: a table of lies, crashes, and a second process."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.errors import MalformedMessage, ProofInvalid, ProtocolError, SignatureInvalid
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import EMPTY_ROOT
from tacita_protocol.tlog.note import CosignatureSigner, NoteSigner, compose, open_note
from tacita_sdk.witness import Witness, WitnessStateError, WitnessStore
from tests.support.memory_log import MemoryLog, key_named

NOW = 1_800_000_000
SIGNER = CosignatureSigner("witness-test", key_named("witness-test"))


def grown(count: int, *, origin: str = "log.tacita.test", salt: str = "") -> MemoryLog:
    log = MemoryLog(origin=origin)
    for i in range(count):
        log.append(f"{salt}{i}".encode())
    return log


def witness_of(log: MemoryLog, directory: Path) -> Witness:
    store = WitnessStore(directory)
    if not store.exists:
        WitnessStore.create(directory)
    return Witness(log=log.signer.verifier, signer=SIGNER, memory=store)


def test_cosigns_growth_and_remembers(tmp_path: Path) -> None:
    log = grown(9)
    witness = witness_of(log, tmp_path)
    old = 0
    for size in (3, 3, 4, 9):
        proof = log.consistency(old, size) if old else []
        cosigned = witness.cosign(log.note(size), old=old, proof=proof, now=NOW)
        text = log.checkpoint(size).text()
        opened = open_note(compose(text, [cosigned.line]), [SIGNER.verifier])
        assert (cosigned.size, opened.verified[0].timestamp) == (size, NOW)
        old = size
    assert witness_of(log, tmp_path).size == 9
    again = witness_of(log, tmp_path).again(NOW + 1)
    assert again is not None
    opened = open_note(compose(text, [again.line]), [SIGNER.verifier])
    assert (again.size, opened.verified[0].timestamp) == (9, NOW + 1)


def test_refuses(tmp_path: Path) -> None:
    log, fork = grown(9), grown(9, salt="fork")
    witness = witness_of(log, tmp_path)
    witness.cosign(log.note(5), old=0, proof=[], now=NOW)
    seven = log.checkpoint(7).text()
    other_key = NoteSigner(log.origin, key_named("other"))
    empty = Checkpoint(log.origin, 0, EMPTY_ROOT).text()
    lies: dict[str, tuple[bytes, int, list[bytes], type[ProtocolError]]] = {
        "rollback": (log.note(4), 5, [], ProofInvalid),
        "rollback to nothing": (compose(empty, [log.signer.sign(empty)]), 5, [], ProofInvalid),
        "fork at the same size": (fork.note(5), 5, [], ProofInvalid),
        "fork further on": (fork.note(9), 5, fork.consistency(5, 9), ProofInvalid),
        "fork with the true log's proof": (fork.note(9), 5, log.consistency(5, 9), ProofInvalid),
        "growth without proof": (log.note(9), 5, [], ProofInvalid),
        "proof from another size": (log.note(9), 4, log.consistency(4, 9), ProofInvalid),
        "proof from nothing": (log.note(9), 0, [], ProofInvalid),
        "not signed": (compose(seven, [SIGNER.cosign(seven, NOW)]), 5, log.consistency(5, 7), SignatureInvalid),
        "another key": (compose(seven, [other_key.sign(seven)]), 5, log.consistency(5, 7), SignatureInvalid),
        "another origin, its own key": (grown(9, origin="other.test").note(9), 5, [], SignatureInvalid),
        "another origin, this log's key": (
            compose(s := f"other.test\n{seven.partition(chr(10))[2]}", [log.signer.sign(s)]),
            5,
            log.consistency(5, 7),
            ProofInvalid,
        ),
        "extension line": (
            compose(s := f"{seven}more\n", [log.signer.sign(s)]),
            5,
            log.consistency(5, 7),
            MalformedMessage,
        ),
        "short hash": (log.note(9), 5, [h[:-1] for h in log.consistency(5, 9)], ProofInvalid),
        "not a note": (b"", 5, [], MalformedMessage),
    }
    for name, (note, old, proof, error) in lies.items():
        with pytest.raises(error):
            witness.cosign(note, old=old, proof=proof, now=NOW)
        assert witness.size == 5, name
    assert witness.cosign(log.note(9), old=5, proof=log.consistency(5, 9), now=NOW).size == 9


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_never_two_roots_for_one_size_nor_a_smaller_tree(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    logs = [grown(12), grown(12, salt="fork")]
    witness = witness_of(logs[0], tmp_path_factory.mktemp("witness"))
    cosigned: list[tuple[int, bytes]] = []
    for _ in range(8):
        log = data.draw(st.sampled_from(logs))
        size = data.draw(st.integers(1, 12))
        old = witness.size
        proof = log.consistency(old, size) if 0 < old <= size else []
        try:
            witness.cosign(log.note(size), old=old, proof=proof, now=NOW)
        except ProofInvalid:
            continue
        cosigned.append((size, log.checkpoint(size).root))
    assert [size for size, _ in cosigned] == sorted(size for size, _ in cosigned)
    assert any({root for _, root in cosigned} <= {log.checkpoint(s).root for s in range(1, 13)} for log in logs)


def test_no_cosignature_when_the_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = grown(9)
    witness = witness_of(log, tmp_path)
    witness.cosign(log.note(5), old=0, proof=[], now=NOW)

    def failing(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="Input/output"):
            witness.cosign(log.note(9), old=5, proof=log.consistency(5, 9), now=NOW)
    assert witness_of(log, tmp_path).size == 5


def test_state_is_durable_before_the_cosignature_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = grown(5)
    witness = witness_of(log, tmp_path)
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append("fsync")

    def renamed(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    witness.cosign(log.note(5), old=0, proof=[], now=NOW)
    assert done == ["fsync", "rename", "fsync"]


def test_a_second_process_cannot_lead_it_apart(tmp_path: Path) -> None:
    log = grown(9)
    witness_of(log, tmp_path).cosign(log.note(3), old=0, proof=[], now=NOW)
    stale = WitnessStore(tmp_path).load()
    witness_of(log, tmp_path).cosign(log.note(5), old=3, proof=log.consistency(3, 5), now=NOW)
    with pytest.raises(WitnessStateError, match="another process"):
        WitnessStore(tmp_path).replace(stale, log.checkpoint(4))
    assert witness_of(log, tmp_path).size == 5


def test_forgetting_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WitnessStateError, match="missing"):
        WitnessStore(tmp_path).load()
    WitnessStore.create(tmp_path)
    assert WitnessStore(tmp_path).load() is None
    with pytest.raises(WitnessStateError, match="already"):
        WitnessStore.create(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"v":2,"checkpoint":null}', b'{"v":1,"checkpoint":"x"}', b" " * 9000],
)
def test_damaged_state_is_an_error(tmp_path: Path, content: bytes) -> None:
    WitnessStore.create(tmp_path)
    (tmp_path / "witness-state.json").write_bytes(content)
    log = grown(1)
    with pytest.raises(WitnessStateError, match="damaged"):
        witness_of(log, tmp_path).cosign(log.note(), old=0, proof=[], now=NOW)


def test_only_the_owner_can_read_the_state(tmp_path: Path) -> None:
    log = grown(1)
    witness_of(log, tmp_path).cosign(log.note(), old=0, proof=[], now=NOW)
    assert (tmp_path / "witness-state.json").stat().st_mode & 0o777 == 0o600
