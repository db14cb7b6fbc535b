"""The demo's two forgeries of a log: a real audit fails at the step that each of them breaks."""

from pathlib import Path

import pytest

from deploy.demo.tamper import changed_in_place, read_entries, rewritten_without
from tacita_protocol.tlog.note import compose, split_note
from tacita_protocol.tlog.tiles import CHECKPOINT_PATH
from tacita_sdk.verify import open_log, verify_audit
from tests.support.auditing import CASE, audit, failure
from tests.support.memory_log import key_named

INDEXES = (0, 255, 256, CASE.log.size - 1)
"""Of the first and last entry, and of those where one bundle of entries ends and another begins."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return CASE.write_log(tmp_path / "log")


def test_it_reads_every_entry(log: Path) -> None:
    assert len(read_entries(log)) == CASE.log.size


@pytest.mark.parametrize("index", INDEXES)
def test_a_changed_entry_no_longer_has_its_hash(log: Path, tmp_path: Path, index: int) -> None:
    changed_in_place(log, tmp_path / "copy", index)
    number, name, reason = failure(tmp_path / "copy")
    assert (number, name) == (5, "entries")
    assert f"entry {index} " in reason
    assert len(audit(log)) == 17


@pytest.mark.parametrize("index", INDEXES)
def test_a_log_that_its_own_key_signed_anew_lacks_the_witnesses(log: Path, tmp_path: Path, index: int) -> None:
    rewritten_without(log, tmp_path / "copy", index, key_named(CASE.log.trust.origin))
    number, name, _ = failure(tmp_path / "copy")
    assert (number, name) == (4, "cosignatures")
    assert len(audit(log)) == 17


def test_had_the_witnesses_signed_the_rewritten_log_it_would_verify(log: Path, tmp_path: Path) -> None:
    """So it is they, and nothing else, who tell it from a real one."""
    copy = tmp_path / "copy"
    rewritten_without(log, copy, 7, key_named(CASE.log.trust.origin))
    text, signatures = split_note((copy / CHECKPOINT_PATH).read_bytes())
    cosigned = [witness.cosign(text, CASE.log.now) for witness in CASE.log.witnesses.values()]
    (copy / CHECKPOINT_PATH).write_bytes(compose(text, [signatures[0], *cosigned]))
    assert len(verify_audit(CASE.log.trust, open_log(str(copy)), [], patience=0)) == 17
