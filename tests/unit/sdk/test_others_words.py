"""What others wrote (headings, fields, reasons) on its way to a person's terminal, spreadsheet or disk."""

import stat
from pathlib import Path

import pytest
from pydantic import BaseModel

from tacita_sdk.cli.output import explain_failure, show, show_rows
from tacita_sdk.cli.private_file import private_file
from tacita_sdk.cli.spreadsheet import as_cell
from tacita_sdk.errors import NodeProblem

CLEARS_THE_SCREEN = "\x1b[2J\x1b]0;title\x07\x9b31m"
TURNS_ROUND = "\u202egnp.exe"


class Row(BaseModel):
    name: str


def test_a_line_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(Row(name="x"), as_json=False, lines=[f"a{CLEARS_THE_SCREEN}b\r\nc{TURNS_ROUND}"])
    assert capsys.readouterr().out == "a\\x1b[2J\\x1b]0;title\\x07\\x9b31mb\\r\\nc\\u202egnp.exe\n"
    show_rows([Row(name=CLEARS_THE_SCREEN)], as_json=False, columns=["name"], empty="")
    assert "\x1b" not in capsys.readouterr().out


def test_letters_of_every_language_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    words = "Zürich · Ελλάδα · Київ · القاهرة · 東京 · 😀"
    show(Row(name="x"), as_json=False, lines=[words])
    assert capsys.readouterr().out == f"{words}\n"


def test_a_sentence_that_ends_a_command_cannot_steer_the_terminal() -> None:
    sentence, code = explain_failure(NodeProblem(409, "x", CLEARS_THE_SCREEN))
    assert (sentence, code) == ("\\x1b[2J\\x1b]0;title\\x07\\x9b31m", 1)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "@SUM(A1)", "+a", "-cmd|' /C calc'!A0", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "\uff1d1", "\ufeff@a"],
)
def test_what_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "+44 20 7946 0958", "-020 7946 0958", "0=1", "a@example.org", "https://a.org/?b=1"]
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert as_cell(text) == text


def test_a_private_file_is_its_owners_and_whole_or_as_before(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("before")
    path.chmod(0o644)
    with pytest.raises(TypeError), private_file(path) as file:
        file.writelines(["half", None])  # type: ignore[list-item]  # what ends the block in the middle
    assert (path.read_text(), list(tmp_path.iterdir())) == ("before", [path])
    with private_file(path) as file:
        file.write("whole")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode), list(tmp_path.iterdir())) == ("whole", 0o600, [path])


def test_what_is_no_file_is_written_to_as_it_is() -> None:
    with private_file(Path("/dev/null")) as file:
        file.write("away")
    assert Path("/dev/null").is_char_device()
