"""The `tacita` command as a process: help, exit codes, sentences."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from typer.testing import CliRunner

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import Mode, PartnerKind, ResultTo, Sensitivity
from tacita_sdk.cli import words
from tacita_sdk.cli.main import app
from tacita_sdk.cli.output import explain_failure
from tacita_sdk.errors import ArgumentRefused
from tacita_sdk.node_api.imports import Delimiter
from tests.support.memory_log import MemoryLog

TACITA = Path(sys.executable).parent / "tacita"
NOBODY = "http://127.0.0.1:9"
LOG = MemoryLog(witnesses=("witness-one",))
VKEY, TRUST = LOG.signer.vkey, LOG.trust.text
WITNESS = ("witness", "init", "NEW", "--name", "w")


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
    asked = tacita(*command, TACITA_NODE=NOBODY)
    assert asked.returncode == 1
    assert asked.stderr.endswith("\nNothing was done; `--yes` answers this question beforehand.\n")
    assert tacita(*command, "--yes", TACITA_NODE=NOBODY).returncode == 3


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    done = tacita("data", "list", "--token-file", str(tmp_path / "none"), token=None)
    assert done.returncode == 2
    assert f"cannot read {tmp_path / 'none'}: No such file or directory." in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("data", "list", "--profile", "nobody"), "There is no profile 'nobody'"),
        (("profile", "use", "nobody"), "There is no profile 'nobody'"),
        (("profile", "remove", "nobody"), "There is no profile 'nobody'"),
        ((*WITNESS, "--broker", "ftp://b", "--log-vkey", VKEY), "http(s)://host[:port]"),
        ((*WITNESS, "--broker", "https://b", "--log-vkey", "x"), "verifier key is malformed"),
        (("audit", "verify", "--log", "http://[::", "--trust", "TRUST"), "not an address"),
        (("audit", "verify", "--log", ".", "--trust", "TRUST", "--seen", "NONE"), "does not exist"),
        (("audit", "verify", "NONE", "--log", ".", "--trust", "TRUST"), "does not exist"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(tmp_path: Path, command: tuple[str, ...], said: str) -> None:
    """Exit code 2, before anybody is asked and before anything is made."""
    (tmp_path / "trust").write_text(TRUST)
    places = {"TRUST": tmp_path / "trust", "NONE": tmp_path / "none", "NEW": tmp_path / "new"}
    environment = {"TACITA_HOME": str(tmp_path), "TACITA_NODE": NOBODY, "TACITA_TOKEN": "t"}
    done = CliRunner(env=environment).invoke(app, [str(places.get(word, word)) for word in command])
    sentence, code = done.stderr, done.exit_code
    if isinstance(done.exception, ArgumentRefused):  # which `main` makes a sentence and an exit code
        sentence, code = explain_failure(done.exception)
    assert (code, said in sentence) == (2, True), sentence
    assert not (tmp_path / "new").exists()


def test_a_draft_that_does_not_fit_names_the_fields_and_not_their_values(tmp_path: Path) -> None:
    draft = tmp_path / "draft.json"
    draft.write_text(
        '{"with": "haven", "terms": [], "approved_by": ["a"], "their_approvers": ["+447911000001"], "x": 1}'
    )
    done = tacita("agreements", "propose", str(draft), TACITA_NODE=NOBODY)
    assert done.returncode == 2
    assert "terms" in done.stderr
    assert "+447911000001" not in done.stderr


def test_it_says_its_version() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"tacita {version('tacita-sdk')}\n")


@pytest.mark.parametrize(
    ("command", "option", "expected"),
    [
        (("match", "run"), "--mode", "intersection, cardinality."),
        (("match", "run"), "--result-to", "requester, owner, both."),
        (("match", "run"), "--sensitivity", "ordinary, financial, possible-victim."),
        (("data", "publish"), "--sensitivity", "ordinary, financial, possible-victim."),
        (("data", "publish"), "--visible-to", "bank, payment-provider, hotel,"),
        (("data", "import", __file__), "--kind", "phone, account,"),
        (("data", "import", __file__), "--delimiter", "comma, semicolon, tab."),
    ],
)
def test_a_word_that_is_none_is_named_by_its_option_and_not_shown(
    command: tuple[str, ...], option: str, expected: str
) -> None:
    wrong = CliRunner().invoke(app, [*command, option, "+447911000001"])
    assert wrong.exit_code == 2
    assert f"Invalid value for '{option}': it is one of: {expected}" in wrong.output
    assert "+447911000001" not in wrong.output


def test_the_words_are_those_of_the_protocol() -> None:
    """The command line repeats them, so that its help need not load the protocol."""
    assert tuple(Mode) == words.MODES
    assert tuple(ResultTo) == words.RECEIVERS
    assert tuple(Sensitivity) == words.SENSITIVITIES
    assert tuple(PartnerKind) == words.PARTNER_KINDS
    assert set(words.KINDS) == set(Kind)
    assert get_args(Delimiter) == words.DELIMITERS


def test_the_shell_completes_words_and_profiles(tmp_path: Path) -> None:
    (tmp_path / "profiles.json").write_text(
        '{"current": "bank", "profiles": {"bank": {"node": "http://127.0.0.1:8441", "token_file": "/nowhere"}}}'
    )

    def completed(line: str) -> list[str]:
        asking = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_TACITA_COMPLETE": "complete_bash"}
        return tacita(TACITA_HOME=str(tmp_path), **asking).stdout.split()

    assert completed("tacita match run --result-to ") == ["requester", "owner", "both"]
    assert completed("tacita data list --profile b") == ["bank"]


def test_a_report_that_has_no_place_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    order = ("--dataset", "phones", "--kind", "phone", "--rejects", str(tmp_path / "none" / "rejects.csv"))
    refused = tacita("data", "import", __file__, *order, TACITA_NODE=NOBODY)
    assert (refused.returncode, f"there is no folder {tmp_path / 'none'}." in refused.stderr) == (2, True)


def test_a_malformed_target_of_a_match_is_named_by_its_option() -> None:
    order = ("--dataset", "phones", "--purpose", "p", "--basis", "b", "--case", "c")
    done = tacita("match", "run", "--with", "haven", *order, TACITA_NODE=NOBODY)
    assert (done.returncode, "not well formed: --with (PARTNER/DATASET)\n" in done.stderr) == (2, True)


def test_an_audit_that_cannot_be_verified_is_exit_code_4_and_names_the_step(tmp_path: Path) -> None:
    trust = tmp_path / "trust.policy"
    trust.write_text("log nonsense\n")
    done = tacita("audit", "verify", "--log", str(tmp_path), "--trust", str(trust))
    assert done.returncode == 4
    assert "step 1" in done.stderr.lower()
