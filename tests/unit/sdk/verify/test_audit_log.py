"""The audit of the log: an honest one verifies; one changed byte of any file fails, at the step that proves it."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.tlog.entry import build_match_entry
from tacita_protocol.tlog.trust import TrustPolicy
from tacita_sdk.errors import ArgumentRefused, VerificationFailed
from tacita_sdk.verify import LogUnreadable, load_checkpoint, load_export, load_trust, open_log, verify_audit
from tests.support.audit_case import AuditCase
from tests.support.auditing import CASE, audit, failure
from tests.support.memory_broker import BANK, NGO
from tests.support.memory_log import MemoryLog


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return CASE.write_log(tmp_path / "log")


def test_an_honest_history_verifies(log: Path) -> None:
    steps = audit(log)
    assert [step.number for step in steps] == list(range(1, 18))
    assert {step.name: step.proved for step in steps} == {
        "trust file": "one log, 4 witnesses, and a quorum of them. Two quorums need not share a witness: a log that was"
        " forked between them would verify on each side",
        "exports": "2 exports under one broker, 5 matches",
        "checkpoint signature": f"the log signed its state of {CASE.log.size} entries",
        "cosignatures": "4 of 4 witnesses cosigned it, a quorum; the latest at 2027-01-15 08:00:00 UTC",
        "entries": f"each of the {CASE.log.size} entries has its hash in a tile of level 0",
        "tiles": "all 3 tiles lead, level by level, to the root of the checkpoint",
        "older tiles": "2 older files agree with the tree",
        "entry format": "2 distinct public entries; all match entries have one form and length",
        "cards": "2 partner cards carry their own signature and are in the log",
        "statements": "requests, decisions and answers of 5 matches are signed by their makers",
        "receipts": "4 receipts are signed by their sides",
        "digest links": "request, decision, acceptance, open and receipts name each other by digest, and all who"
        " decided allow what was granted; both parties show 4 of the matches, and the same",
        "opening entries": "5 opening entries are in the log, witnessed by others than the parties",
        "closing entries": "4 closing entries are in the log and cover exactly the receipts shown",
        "transcripts": "both sides of 1 completed matches state the same transcripts and counts, and charge what"
        " could be evaluated",
        "deadlines": "4 matches were closed in time, 1 may still go on, 0 show no decision",
        "consistency": "9 checkpoints that were seen are earlier states of this log",
    }


def test_the_log_alone_verifies(log: Path) -> None:
    steps = verify_audit(CASE.log.trust, open_log(str(log)), [], patience=0)
    assert len(steps) == 17


def test_a_brokers_directory_is_understood(tmp_path: Path) -> None:
    CASE.write_log(tmp_path / "log")
    assert len(audit(tmp_path)) == 17


FILES = sorted(path for size in [*CASE.sizes, CASE.log.size] for path in CASE.log.files(size))
STEP_OF_FILE = {
    "tile/0/000": "entries",
    f"tile/0/001.p/{CASE.log.size - 256}": "entries",
    f"tile/0/001.p/{CASE.sizes[0] - 256}": "older tiles",
    "tile/1/000.p/1": "tiles",
    "tile/entries/000": "entries",
    f"tile/entries/001.p/{CASE.log.size - 256}": "entries",
    f"tile/entries/001.p/{CASE.sizes[0] - 256}": "older tiles",
    "checkpoint": "checkpoint signature",
}


def test_every_file_of_the_log_is_in_the_table() -> None:
    assert set(FILES) == STEP_OF_FILE.keys()


@pytest.mark.parametrize(("path", "step"), STEP_OF_FILE.items())
@pytest.mark.parametrize("where", [0.0, 0.3, 0.999])
def test_one_changed_byte_of_a_file(log: Path, path: str, step: str, where: float) -> None:
    file = log / path
    data = bytearray(file.read_bytes())
    # Of the checkpoint, the signed text: in its signature lines, a change may make a signer a stranger.
    length = data.index(b"\n\n") + 1 if path == "checkpoint" else len(data)
    data[int(where * length)] ^= 1
    file.write_bytes(data)
    assert failure(log)[1] == step


@pytest.mark.parametrize("path", [path for path, step in STEP_OF_FILE.items() if step != "older tiles"])
def test_a_missing_or_cut_file(log: Path, path: str) -> None:
    file = log / path
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert failure(log)[1] in {STEP_OF_FILE[path], "cosignatures"}
    file.unlink()
    _, name, reason = failure(log)
    assert name == STEP_OF_FILE[path]
    assert ("there is no checkpoint" if path == "checkpoint" else f"{path} is missing") in reason


def test_a_changed_cosignature(log: Path) -> None:
    text = (log / "checkpoint").read_text()
    last = next(line for line in text.split("\n") if line.startswith("— witness-two"))
    (log / "checkpoint").write_text(text.replace(last, last[:-6] + ("A" if last[-6] != "A" else "B") + last[-5:]))
    assert failure(log)[1] == "cosignatures"


def test_a_missed_quorum(log: Path) -> None:
    (log / "checkpoint").write_bytes(CASE.log.note(cosigners=["witness-one"]))
    assert failure(log)[1:] == ("cosignatures", "trust: too few independent witnesses cosigned this checkpoint")


def test_a_running_log_may_gather_its_quorum(log: Path) -> None:
    (log / "checkpoint").write_bytes(CASE.log.note(cosigners=["witness-one"]))
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            (log / "checkpoint").write_bytes(CASE.log.note())

    assert len(verify_audit(CASE.log.trust, open_log(str(log)), CASE.exports(), patience=5, sleep=sleep)) == 17
    assert len(pauses) == 3


def test_a_policy_without_witnesses_proves_nothing(log: Path) -> None:
    trust = TrustPolicy.parse(f"log {CASE.log.signer.vkey}\nquorum none\n")
    assert failure(log, trust=trust)[1] == "trust file"


def test_another_federations_log(log: Path) -> None:
    assert failure(log, trust=MemoryLog(origin="other.test").trust)[1] == "checkpoint signature"


def test_an_entry_of_no_known_form(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    index = case.log.append(b'{"v":1,"note":"an identifier could hide here"}')
    case.log.append(b"anything")
    log = case.write_log(tmp_path)
    step, name, reason = failure(log, *map(case.export, (BANK, NGO)), trust=case.log.trust)
    assert (step, name) == (8, "entry format")
    assert reason.startswith(f"entry {index}: ")


def test_a_match_entry_of_another_length(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    # Nine hundred seconds after 1970: a time of fewer digits makes a shorter entry.
    case.log.append(build_match_entry({}, sealed=digest_of(b""), time=900, entropy=random_bytes).entry)
    log = case.write_log(tmp_path)
    _, name, reason = failure(log, case.export(BANK), trust=case.log.trust)
    assert (name, "another length" in reason) == ("entry format", True)


def test_checkpoints_from_elsewhere(log: Path) -> None:
    steps = audit(log, seen=(CASE.log.note(7), CASE.log.note(256)))
    assert steps[-1].proved == "11 checkpoints that were seen are earlier states of this log"


def test_a_fork_is_found(log: Path) -> None:
    fork = MemoryLog()
    for i in range(20):
        fork.append(b"fork %d" % i)
    step, name, reason = failure(log, seen=(fork.note(),))
    assert (step, name) == (17, "consistency")
    assert "forked or rewritten" in reason


def test_files_are_loaded_strictly(tmp_path: Path) -> None:
    trust, export = tmp_path / "trust", tmp_path / "export"
    trust.write_text(CASE.log.trust.text)
    export.write_text(json.dumps(CASE.export(BANK)))
    assert load_trust(trust) == CASE.log.trust
    assert load_export(export).partner == BANK
    for content in (b"", b"{}", b'{"v":1,"v":1}', b"\xff", json.dumps(CASE.export(BANK) | {"x": 1}).encode()):
        export.write_bytes(content)
        with pytest.raises(VerificationFailed) as caught:
            load_export(export)
        assert caught.value.step == 2
    for content in (b"\xff\n", b"log\n"):
        trust.write_bytes(content)
        with pytest.raises(VerificationFailed) as caught:
            load_trust(trust)
        assert caught.value.step == 1
    for load in (load_trust, load_export, load_checkpoint):
        with pytest.raises(VerificationFailed, match="cannot be read"):
            load(tmp_path / "absent")


def test_a_log_behind_an_address(tmp_path: Path) -> None:
    CASE.write_log(tmp_path / "log")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for location in (address, f"{address}/log/"):
            assert len(verify_audit(CASE.log.trust, open_log(location), CASE.exports(), patience=0)) == 17
        with pytest.raises(LogUnreadable, match="missing"):
            open_log(address).read("tile/0/999")
        server.shutdown()
    with pytest.raises(VerificationFailed, match="cannot be reached"):
        verify_audit(CASE.log.trust, open_log(address), [], patience=0)
    with pytest.raises(ArgumentRefused, match="not an address"):
        open_log("http://[::")
