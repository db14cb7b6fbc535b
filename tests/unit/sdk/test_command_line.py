"""The `tacita` command as a process: help, exit codes, sentences."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from tacita_sdk.cli.main import app

TACITA = Path(sys.executable).parent / "tacita"
NOBODY = "http://127.0.0.1:9"


def tacita(*arguments: str, token: str | None = "t", **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TACITA_")}
    inherited["TACITA_HOME"] = "/nonexistent"  # whoever runs this may have profiles
    secret = {} if token is None else {"TACITA_TOKEN": token}
    return subprocess.run(
        [str(TACITA), *arguments],
        env={**inherited, **secret, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def paths(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """The words of every command below this one."""
    below = getattr(command, "commands", None)
    if below is None:
        yield names
        return
    for name, one in below.items():
        yield from paths(one, *names, name)


COMMANDS = sorted(paths(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert f"Example: tacita {' '.join(command)}" in " ".join(shown.output.split())


def test_every_command_of_the_design_that_can_be_served_is_there() -> None:
    wanted = {
        "data": "import list publish withdraw rejects provenance catalogue",
        "agreements": "propose list show confirm sign revoke partners distrust",
        "match": "run list show hits cancel wait",
        "audit": "list show verify export",
        "witness": "init run",
        "profile": "add list use remove",
        "node": "status",
    }
    assert {(group, name) for group, names in wanted.items() for name in names.split()} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_answers_as_json_when_asked(command: tuple[str, ...]) -> None:
    others = {("witness", "run"), ("schema",), ("completion",)}
    options = {option for parameter in found(command).params for option in parameter.opts}
    assert ("--json" in options) == (command not in others)


def found(command: tuple[str, ...]) -> Any:
    """The command of these words."""
    one: Any = typer.main.get_command(app)
    for name in command:
        one = one.commands[name]
    return one


def test_help_does_not_load_the_protocol() -> None:
    """Help must be quick; what is slow is not loaded for it. (Whether it is quick, the benchmark cli.help says.)"""
    program = "import sys, tacita_sdk.cli.main; print([m for m in ('numpy', 'pydantic', 'rich') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_no_token_is_a_usage_error_that_says_where_one_comes_from() -> None:
    done = tacita("data", "list", token=None)
    assert done.returncode == 2
    assert "tacita-node token" in done.stderr


def test_no_node_is_one_sentence_and_exit_code_3() -> None:
    done = tacita("data", "list", TACITA_NODE=NOBODY)
    assert done.returncode == 3
    assert done.stderr == f"No node answers at {NOBODY}: start it with `tacita-node run DIR`, or name another one.\n"


@pytest.mark.parametrize("command", [("data", "withdraw", "phones"), ("agreements", "revoke", "5e" * 16)])
def test_what_cannot_be_undone_is_asked_first(command: tuple[str, ...]) -> None:
    """Nobody answers here, so nothing is sent; with --yes it is, to where nobody listens."""
    assert tacita(*command, TACITA_NODE=NOBODY).returncode == 1
    assert tacita(*command, "--yes", TACITA_NODE=NOBODY).returncode == 3


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    done = tacita("data", "list", "--token-file", str(tmp_path / "none"), token=None)
    assert done.returncode == 1
    assert str(tmp_path / "none") in done.stderr


def test_a_draft_that_does_not_fit_names_the_fields_and_not_their_values(tmp_path: Path) -> None:
    draft = tmp_path / "draft.json"
    draft.write_text(
        '{"with": "haven", "terms": [], "approved_by": ["a"], "their_approvers": ["+447911000001"], "x": 1}'
    )
    done = tacita("agreements", "propose", str(draft), TACITA_NODE=NOBODY)
    assert done.returncode == 2
    assert "terms" in done.stderr
    assert "+447911000001" not in done.stderr


def test_a_malformed_target_of_a_match_is_named_by_its_option() -> None:
    order = ("--dataset", "phones", "--purpose", "p", "--basis", "b", "--case", "c")
    done = tacita("match", "run", "--with", "haven", *order, TACITA_NODE=NOBODY)
    assert (done.returncode, "not well formed: --with (PARTNER/DATASET)\n" in done.stderr) == (2, True)


def test_what_does_not_fit_a_publication_is_named_by_its_option_and_not_shown() -> None:
    order = ("--dataset", "phones", "--sensitivity", "ordinary", "--visible-to", "Every NGO")
    done = tacita("data", "publish", *order, TACITA_NODE=NOBODY)
    assert (done.returncode, "not well formed: --visible-to (a kind of partner" in done.stderr) == (2, True)
    assert "Every NGO" not in done.stderr


def test_an_audit_that_cannot_be_verified_is_exit_code_4_and_names_the_step(tmp_path: Path) -> None:
    trust = tmp_path / "trust.policy"
    trust.write_text("log nonsense\n")
    done = tacita("audit", "verify", "--log", str(tmp_path), "--trust", str(trust))
    assert done.returncode == 4
    assert "step 1" in done.stderr.lower()
