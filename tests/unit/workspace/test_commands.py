"""The commands as others build on them: a committed schema for each answer, a page that names each, completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacita_node.cli import DEFECT
from tacita_sdk.cli.main import EXIT_CODES
from tacita_sdk.cli.main import app as sdk_app
from tests.support.command_schemas import FOLDER, PROGRAMS, commands, made

MANUAL = (Path(__file__).parents[3] / "docs/commands.md").read_text(encoding="utf-8")
ALL = [f"{program} {words}" for program, (app, _) in PROGRAMS.items() for words, _ in commands(app)]


def test_the_committed_schemas_are_those_of_the_answers() -> None:
    """What others build on changes only on purpose: see tests/support/command_schemas.py."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert committed == made()


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_that_answers_as_json_has_a_schema(program: str) -> None:
    app, outputs = PROGRAMS[program]
    asked = {words for words, one in commands(app) if "--json" in {name for item in one.params for name in item.opts}}
    assert set(outputs) == asked


def test_every_command_is_in_the_manual() -> None:
    named = {" ".join(words.split()) for words in re.findall(r"^\| `(tacita[a-z -]*)` \|", MANUAL, re.MULTILINE)}
    assert named == set(ALL)


def test_exit_codes_are_in_the_manual() -> None:
    documented = re.findall(r"^\| (\d+) \|", MANUAL, re.MULTILINE)
    assert documented == ["0", "1", "2", "3", "4", "70", "130"]
    assert re.findall(r"(\d+) [a-z]", EXIT_CODES) == [code for code in documented if code != str(DEFECT)]


def variable(program: str) -> str:
    """What tells a program to complete instead of doing something."""
    return f"_{program.replace('-', '_').upper()}_COMPLETE"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(program: str, shell: str) -> None:
    printed = CliRunner().invoke(PROGRAMS[program][0], ["completion", shell])
    assert printed.exit_code == 0, printed.output
    assert f"{variable(program)}=complete_{shell}" in printed.output
    assert program in printed.output.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tacita pro", "profile"),
        ("tacita match run --pro", "--profile"),
        ("tacita-node revoke", "revoke-token"),
        ("tacita-node token --ro", "--role"),
        ("tacita-broker log ch", "check"),
        ("tacita-broker invite --ki", "--kind"),
    ],
)
def test_the_script_completes_commands_and_options(words: str, found: str) -> None:
    """As bash calls it: the words so far, and which one is to be completed."""
    program, *others = words.split(" ")
    asked = {variable(program): "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(others))}
    command = str(Path(sys.executable).parent / program)
    done = subprocess.run([command], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [found]


def test_a_schema_of_no_command_is_wrong_usage() -> None:
    asked = CliRunner().invoke(sdk_app, ["schema", "no", "such"])
    assert (asked.exit_code, "match run" in asked.output) == (2, True)


def test_a_schema_is_printed_as_it_is_committed() -> None:
    printed = CliRunner().invoke(sdk_app, ["schema", "match", "run"])
    assert printed.output == (FOLDER / "tacita-match-run.json").read_text(encoding="utf-8")
