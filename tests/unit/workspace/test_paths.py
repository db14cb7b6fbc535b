"""No trace of the machine that the project was written on: what holds here must hold on a fresh clone anywhere."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
IGNORED = {".git", ".venv", ".demo", ".bench", ".hypothesis", "__pycache__", "dist", "build", "vectors"}
# The homes of people and of machines, and the address of a package index. Split, so that this file passes too.
MACHINE = re.compile(r"(?<![\w.-])/(?:wor" + r"k|ho" + r"me|roo" + r"t|Use" + r"rs)/[\w.]|[A-Z]:\\Us" + r"ers\\")
INDEX = re.compile(r"https?://[^\s\"'<>]*/(?:simp" + r"le|py" + r"pi)\b")


def files(directory: Path = ROOT) -> Iterator[Path]:
    """Every file of the project, without caches and what the targets make."""
    for path in directory.iterdir():
        if path.name in IGNORED or path.name.endswith("_cache") or path.is_symlink() or path.name == "uv.lock":
            continue
        if path.is_dir():
            yield from files(path)
        elif path.is_file():
            yield path


def lines() -> Iterator[tuple[str, str]]:
    for path in files():
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), start=1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_no_path_of_a_machine() -> None:
    assert [place for place, line in lines() if MACHINE.search(line)] == []


def test_no_address_of_an_index() -> None:
    assert [place for place, line in lines() if INDEX.search(line)] == []
