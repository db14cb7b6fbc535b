"""Options that take what others should not see from standard input: a case reference, an invitation code."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacita_node.cli import app as node_app
from tacita_sdk.cli.main import app
from tacita_sdk.standard_input import MAX_BYTES

MATCH = ("match", "run", "--dataset", "d", "--with", "haven/lists", "--purpose", "p", "--basis", "b", "--case", "-")
NOBODY = {"TACITA_NODE": "http://127.0.0.1:9", "TACITA_TOKEN": "t", "TACITA_HOME": "/nonexistent"}
INIT = ("init", "DIR", "--broker", "http://127.0.0.1:9", "--name", "N", "--kind", "bank", "--jurisdiction", "GB")
ASKED = (
    "import typer; from tacita_sdk.cli.standard_input import or_standard_input as o; print(o('Case reference')('-'))"
)


@pytest.mark.parametrize("given", [b"", b" \n", b"one\ntwo\n", b"\xff", b"x" * (MAX_BYTES + 1)])
def test_what_is_not_one_line_is_refused_and_not_shown(given: bytes) -> None:
    for program, command, option in ((app, MATCH, "--case"), (node_app, (*INIT, "--invite", "-"), "--invite")):
        refused = CliRunner(env=NOBODY).invoke(program, list(command), input=given)
        assert refused.exit_code == 2
        assert f"Invalid value for '{option}': standard input" in " ".join(refused.stderr.split())
        assert "one" not in refused.stderr.replace("one line", "")
        assert "xxx" not in refused.stderr


def test_an_invitation_is_read_from_standard_input(tmp_path: Path) -> None:
    """One that is none is refused only after it was read, and is not shown."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase")
    command = [*INIT, "--invite", "-", "--passphrase-file", str(passphrase)]
    refused = CliRunner().invoke(node_app, command, input="no-code\n")
    assert (refused.exit_code, "this is not an invitation code" in refused.stderr) == (2, True)
    assert "no-code" not in refused.stderr


def test_at_a_terminal_it_is_asked_for_and_not_shown() -> None:
    person, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", ASKED],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            start_new_session=True,
        ) as asked:
            assert asked.stdout is not None
            seen = b""
            while not seen.endswith(b": "):  # what is typed before the question is dropped
                seen += os.read(person, 1024)
            os.write(person, b"AB-114\n")
            said = asked.stdout.read()
        seen += os.read(person, 1024)
    finally:
        os.close(person)
        os.close(terminal)
    assert (said, seen.strip()) == (b"AB-114\n", b"Case reference:")
