"""`tacita audit verify` as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacita_sdk.cli.audit import app
from tacita_sdk.errors import VerificationFailed
from tests.support.auditing import CASE
from tests.support.memory_broker import BANK, NGO
from tests.support.memory_log import MemoryLog


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    (tmp_path / "trust.policy").write_text(CASE.log.trust.text)
    return ["--log", str(CASE.write_log(tmp_path / "log")), "--trust", str(tmp_path / "trust.policy")]


def test_a_kept_checkpoint_is_compared(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "kept").write_bytes(CASE.log.note(7))
    done = CliRunner().invoke(app, ["verify", *options, "--seen", str(tmp_path / "kept")])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-2:] == [
        "17  consistency: 1 checkpoints that were seen are earlier states of this log",
        "verified",
    ]


def test_a_kept_checkpoint_of_a_fork_fails(tmp_path: Path, options: list[str]) -> None:
    fork = MemoryLog(witnesses=(BANK, NGO))
    fork.append(b"another entry")
    (tmp_path / "kept").write_bytes(fork.note())
    failed = CliRunner().invoke(app, ["verify", *options, "--seen", str(tmp_path / "kept")])
    assert isinstance(failed.exception, VerificationFailed)
    assert (failed.exception.step, "forked or rewritten" in failed.exception.reason) == (17, True)


def test_a_file_that_is_no_export_is_named(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "payments.csv").write_text("a,b\n")
    failed = CliRunner().invoke(app, ["verify", str(tmp_path / "payments.csv"), *options])
    assert isinstance(failed.exception, VerificationFailed)
    assert (failed.exception.step, failed.exception.reason.startswith("payments.csv: ")) == (2, True)


@pytest.mark.parametrize("missing", ["--log", "--trust"])
def test_log_and_trust_file_are_named(options: list[str], missing: str) -> None:
    position = options.index(missing)
    wrong = CliRunner().invoke(app, ["verify", *options[:position], *options[position + 2 :]])
    assert wrong.exit_code == 2
    assert missing in wrong.output
