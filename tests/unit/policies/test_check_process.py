"""Checking sources in another process: the same answers, and a refusal when there is none."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tacita_policies.bundle import Bundle
from tacita_policies.check_process import check_apart
from tacita_policies.source import PolicyRefused, check_sources

GOOD = {"a.rego": "package tacita.local.lib.a\n\nimport rego.v1\n\nshort if count(input.purpose) < 3\n"}
BAD = {"b.rego": "package tacita.local.lib.b\n\nimport rego.v1\n\nnow := time.now_ns()\n"}


def refusal(policies: Mapping[str, str]) -> str:
    with pytest.raises(PolicyRefused) as refused:
        check_sources(policies)
    return str(refused.value)


def test_it_answers_like_the_check_in_this_process() -> None:
    assert check_apart(GOOD) == check_sources(GOOD) == {"a.rego": "tacita.local.lib.a"}


@pytest.mark.parametrize("policies", [BAD, {}, {"c.rego": "package"}], ids=["a clock", "none", "no Rego"])
def test_it_refuses_with_the_same_sentence(policies: dict[str, str]) -> None:
    with pytest.raises(PolicyRefused) as refused:
        check_apart(policies)
    assert str(refused.value) == refusal(policies)


def test_the_shipped_bundle_is_the_same_in_both_ways() -> None:
    assert Bundle.load(check=check_apart) == Bundle.load()


@pytest.mark.parametrize("program", ["exit 1", "exit 0", "echo nonsense", "echo '[]'"])
def test_without_an_answer_the_policies_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", str(_program(tmp_path, program)))
    with pytest.raises(PolicyRefused, match="did not answer"):
        check_apart(GOOD)


def test_a_service_that_has_its_policies_checked_loads_no_engine() -> None:
    program = (
        "import sys; from tacita_policies.bundle import Bundle; from tacita_policies.check_process import check_apart; "
        "Bundle.load(check=check_apart); sys.exit('regorus' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_it_is_given_nothing_that_could_hold_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "told"
    monkeypatch.setattr(sys, "executable", str(_program(tmp_path, f"env > {told}; echo '{{\"packages\": {{}}}}'")))
    monkeypatch.setenv("TACITA_TOKEN", "a-secret")
    assert check_apart(GOOD) == {}
    assert "a-secret" not in told.read_text()


def _program(folder: Path, commands: str) -> Path:
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{commands}\n")
    file.chmod(0o700)
    return file
