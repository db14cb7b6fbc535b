"""What `tacita data import` says and writes: sentences, progress, and the file of rejected lines."""

import io
import shlex
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacita_sdk.cli.data import app, sentence_of_cancelling
from tacita_sdk.cli.import_progress import ImportLine
from tacita_sdk.cli.importing import lines_of_import, lines_of_preview, sentence_of_stopping
from tacita_sdk.cli.reject_file import SourceChanged, write_rejects
from tacita_sdk.import_steps import ImportProgress
from tacita_sdk.node_api import ImportCancelled, ImportReport, Preview, PreviewedLine, RejectedLine

REPORT = ImportReport(
    outcome="imported",
    dataset="phones",
    kind="phone",
    source="3f" * 16,
    column=2,
    delimiter="semicolon",
    rows=4,
    accepted=2,
    duplicates=0,
    rejected=2,
    rejects_kept=2,
    rejects_preview=(RejectedLine(line=3, reason="invalid"), RejectedLine(line=6, reason="extension")),
)
SOURCE = '\ufeffname;phone\na;+447911123456\n"b\nb";0;\n'.replace("0;\n", "0\n") + "c;+447911123457\nd;1 x 2\n"


def test_the_reject_file_says_line_column_and_reason_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text("an older report")
    write_rejects(path, REPORT, None)
    assert path.read_text().splitlines() == ["line,column,reason", "3,2,invalid", "6,2,extension"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_values_come_from_the_users_own_file_and_only_when_asked_for(tmp_path: Path) -> None:
    source, path = tmp_path / "phones.csv", tmp_path / "rejects.csv"
    source.write_text(SOURCE)
    write_rejects(path, REPORT, source)
    assert path.read_text().splitlines() == ["line,column,reason,value", "3,2,invalid,0", "6,2,extension,1 x 2"]


def test_a_rejected_formula_stays_text_in_a_spreadsheet(tmp_path: Path) -> None:
    source, path = tmp_path / "phones.csv", tmp_path / "rejects.csv"
    source.write_text("name;phone\na;+447911123456\nb;=1+1\n\n\nd;@SUM(1)\n")
    write_rejects(path, REPORT, source)
    assert path.read_text().splitlines()[1:] == ["3,2,invalid,'=1+1", "6,2,extension,'@SUM(1)"]


@pytest.mark.parametrize(
    "now", ["name;phone\na;1\nb;2\n", "name;phone\na;1\nb\n", 'name;phone\na;"1', b"name;phone\na;1\nb;\xff\n"]
)
def test_values_of_a_file_that_was_changed_are_not_taken(tmp_path: Path, now: str | bytes) -> None:
    source, path = tmp_path / "phones.csv", tmp_path / "rejects.csv"
    source.write_bytes(now if isinstance(now, bytes) else now.encode())
    with pytest.raises(SourceChanged, match="import it again"):
        write_rejects(path, REPORT, source)
    assert list(tmp_path.iterdir()) == [source]


def test_the_file_to_import_is_not_written_over(tmp_path: Path) -> None:
    file, link = tmp_path / "phones.csv", tmp_path / "link.csv"
    file.write_text(SOURCE)
    link.symlink_to(file)
    command = ["import", str(file), "--dataset", "phones", "--kind", "phone", "--rejects", str(link)]
    refused = CliRunner().invoke(app, command)
    assert (refused.exit_code, "--rejects" in refused.output, file.read_text()) == (2, True, SOURCE)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("imported", "2 of 4 rows imported into phones as source 3f"),
        ("unchanged", "This file was imported into phones before, as source 3f"),
        ("dry-run", "2 of 4 rows would be imported into phones"),
    ],
)
def test_each_outcome_has_its_sentence(outcome: str, says: str) -> None:
    assert lines_of_import(REPORT.model_copy(update={"outcome": outcome}))[0].startswith(says)


def test_nothing_valid_says_what_to_do() -> None:
    nothing = {"outcome": "nothing-valid", "source": None, "accepted": 0, "rejected": 4, "rejects_kept": 4}
    lines = lines_of_import(REPORT.model_copy(update=nothing))
    assert lines[0].startswith("None of the 4 rows holds a valid identifier of the kind phone, so nothing is stored")
    assert "--preview" in lines[0]
    assert "--rejects FILE" in lines[-1]


def test_a_preview_ends_with_the_command_that_imports_it_so() -> None:
    line = PreviewedLine(line=2, text="07911 123456", canonical="+447911123456", reason=None)
    seen = Preview(
        headings=("name", "mobile"),
        delimiter="comma",
        column=2,
        heading="mobile",
        kind="phone",
        region="GB",
        tried=1,
        valid=1,
        lines=(line,),
    )
    lines = lines_of_preview(seen, Path("customers.csv"))
    assert "  line 2: 07911 123456  ->  +447911123456" in lines
    assert lines[-1].endswith(
        "tacita data import customers.csv --dataset NAME --kind phone --column 'mobile' --region GB"
    )
    unknown = seen.model_copy(update={"column": None, "heading": None, "kind": None})
    assert "--column" in lines_of_preview(unknown, Path("customers.csv"))[1]


def test_the_command_of_a_preview_is_safe_to_paste_whatever_the_heading_says() -> None:
    heading = "mobile'; touch owned; '"
    seen = Preview(
        headings=(heading,),
        delimiter="comma",
        column=1,
        heading=heading,
        kind="phone",
        region=None,
        tried=0,
        valid=0,
        lines=(),
    )
    words = shlex.split(lines_of_preview(seen, Path("a b;c.csv"))[-1].removeprefix("Import it so: "))
    assert words == [
        "tacita",
        "data",
        "import",
        "a b;c.csv",
        "--dataset",
        "NAME",
        "--kind",
        "phone",
        "--column",
        heading,
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_rows_per_second_and_time_left() -> None:
    times = iter([0.0, 0.0, 2.0, 2.0, 4.0])
    stream = Terminal()
    line = ImportLine(stream, clock=lambda: next(times))
    line.show(ImportProgress("reading", 0, 4_000, 0))
    line.show(ImportProgress("reading", 1_000, 4_000, 100))
    assert stream.getvalue().endswith("reading  1,000 of 4,000 bytes (25 %), 50 rows a second, 6 s left")
    line.show(ImportProgress("storing", 0, 400, 400))
    line.end()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_log_file_gets_a_line_for_each_phase() -> None:
    stream = io.StringIO()
    line = ImportLine(stream)
    for progress in (ImportProgress("sending", 0, 9), ImportProgress("sending", 5, 9), ImportProgress("storing", 1, 2)):
        line.show(progress)
    line.end()
    assert stream.getvalue() == "sending\nstoring\n"


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (None, "nothing is imported: the same command sends what is missing"),
        (ImportProgress("sending", 5, 9), "nothing is imported: the same command sends what is missing"),
        (ImportProgress("reading", 0, 9), "`tacita data imports` says whether it runs"),
        (ImportProgress("reading", 5, 9, 1, "3f" * 16), f"`tacita data cancel {'3f' * 16}` ends it"),
        (ImportProgress("storing", 1, 2, 2, "3f" * 16), f"Stopped waiting for import {'3f' * 16}, which goes on"),
    ],
)
def test_ctrl_c_says_what_becomes_of_the_import(last: ImportProgress | None, says: str) -> None:
    assert says in sentence_of_stopping(last)


def test_a_cancelled_import_says_what_is_left_of_it() -> None:
    body = ImportCancelled(source="3f" * 16, dataset="phones", dry_run=False)
    assert "nothing of it is in phones, and the file is not kept" in sentence_of_cancelling(body)
    assert "would have stored nothing" in sentence_of_cancelling(body.model_copy(update={"dry_run": True}))
