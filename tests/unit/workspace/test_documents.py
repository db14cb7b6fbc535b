"""The documents are true where a machine can tell: files exist, promises are complete, links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROMISES = 20


def section(title: str) -> str:
    return README.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named_paths(text: str) -> list[str]:
    return re.findall(r"`([\w.-]+/[\w./-]*)`", text)


def test_where_to_look_leads_to_files() -> None:
    named = named_paths(section("Where to look"))
    folders = {"docs/adr", "tests/hostile", "tests/support/campaign"}
    known = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*/src/**/*")} | folders
    assert all((ROOT / folder).is_dir() for folder in folders)
    missing = [path for path in named if not any(f"/{one}".endswith(f"/{path.rstrip('/')}") for one in known)]
    assert len(named) > 10
    assert missing == []


@pytest.mark.parametrize(
    "question", ["How is a phone normalised", "Who decides", "Where is a frame sealed", "What goes into the log"]
)
def test_a_newcomers_question_has_its_row(question: str) -> None:
    assert [cells for cells in rows(section("Where to look")) if cells[0].startswith(question)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_picture_needs_no_program_to_draw_it(document: Path) -> None:
    """The site loads no script for it, and neither does who reads the file: a picture is text, or a file."""
    fences = re.findall(r"^ *[`~]{3,} *\{? *\.?([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert not {"mermaid", "plantuml", "graphviz", "dot", "d2"} & set(fences)


def test_every_decision_is_listed_under_its_title() -> None:
    folder = ROOT / "docs/adr"
    listed = rows((folder / "README.md").read_text(encoding="utf-8"))
    titles = {file.name: file.read_text(encoding="utf-8").splitlines()[0] for file in folder.glob("[0-9]*.md")}
    assert [cells[0] for cells in listed] == [
        f"[{title.removeprefix('# ')}]({name})" for name, title in sorted(titles.items())
    ]
    assert all(title.startswith(f"# {name[:4]} ") for name, title in titles.items())
    assert all(cells[1].endswith(".") for cells in listed)


def test_every_promise_has_its_row_in_order() -> None:
    assert [cells[0] for cells in rows(section("Promises"))] == [str(number) for number in range(1, PROMISES + 1)]


def test_every_promise_says_where_it_stands() -> None:
    for cells in rows(section("Promises")):
        assert cells[2].startswith(("shown", "in part", "later")), cells
        if not cells[2].startswith("later"):
            assert named_paths(cells[2]), cells


def test_the_tests_named_for_promises_exist() -> None:
    made = {".soak/report.json"}  # by `make soak`, in a folder that is never committed
    missing = [path for path in named_paths(section("Promises")) if path not in made and not (ROOT / path).exists()]
    assert missing == []


def test_every_promise_test_is_in_the_table() -> None:
    table = section("Promises")
    tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/promises").glob("test_*.py")]
    assert [path for path in tests if path not in table] == []


def test_a_picture_and_the_two_commands() -> None:
    assert "](docs/architecture.svg)" in README
    assert "make demo" in README
    assert "make test" in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
