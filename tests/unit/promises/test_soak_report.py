"""A soak that was interrupted goes on where it was, and its report says which commit showed what."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.soak_report import BEFORE, REPORT, SoakReport

ROOT = Path(__file__).parents[3]
TESTS = {
    "test_p01_it_holds.py": "def test_it(): assert True",
    "test_p02_p03_it_holds_too.py": """
import os
def test_p02_it(record_property): record_property("runs", 3)
def test_p03_one(): assert True
def test_p03_other(): assert os.environ.get("BROKEN") != "1"
""",
}


@pytest.fixture
def soak(tmp_path: Path) -> Path:
    """A folder in which `run` soaks."""
    tests = tmp_path / "tests" / "promises"
    tests.mkdir(parents=True)
    for name, text in TESTS.items():
        (tests / name).write_text(text, encoding="utf-8")
    commit(tmp_path, "init", "--quiet")
    return tmp_path


def commit(folder: Path, *command: str) -> str:
    """Have git do something there, commit everything, and say which commit that is."""
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for arguments in (command, ("add", "tests"), (*names, "commit", "--quiet", "--allow-empty", "--message", "x")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, check=True, capture_output=True)
    return head.stdout.decode().strip()


def run(
    folder: Path, *arguments: str, workers: int = 0, resume: bool = False, **environment: str
) -> tuple[str, SoakReport]:
    """Soak as `make soak` does; what pytest said, and the report."""
    if resume:
        shutil.copy(folder / REPORT, folder / BEFORE)
    # Only the plugins that matter here: others take seconds to load.
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "tests.support.soak_report"]
    done = subprocess.run(
        [
            *command,
            "-n",
            str(workers),
            "--dist",
            "loadfile",
            "-o",
            "cache_dir=.soak/cache",
            "tests/promises",
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr, SoakReport.model_validate_json((folder / REPORT).read_bytes())


def test_only_what_was_not_shown_whole_is_run_again(soak: Path) -> None:
    first = commit(soak, "status", "--short")
    said, interrupted = run(soak, workers=2, BROKEN="1")
    assert "1 failed, 3 passed" in said
    assert (interrupted.held(1), interrupted.held(2), interrupted.held(3)) == (True, True, False)

    second = commit(soak, "status", "--short")
    said, report = run(soak, workers=2, resume=True)
    assert "2 passed" in said, said
    assert report.finished
    assert all(map(report.held, (1, 2, 3)))
    assert report.promises[3]["test_p02_p03_it_holds_too.py"].passed == 2
    assert report.promises[2]["test_p02_p03_it_holds_too.py"].figures == {"runs": 3}
    assert {number: next(iter(files.values())).commit.rstrip("+") for number, files in report.promises.items()} == {
        1: first,
        2: first,
        3: second,
    }
    assert list(report.earlier().values()) == [[1, 2]]
    assert report.begun == interrupted.begun
    assert report.seconds > interrupted.seconds


def test_a_file_that_was_interrupted_in_its_middle_begins_anew(soak: Path) -> None:
    run(soak, "-k", "not other")
    said, report = run(soak, resume=True)
    assert "2 passed" in said, said
    assert report.promises[3]["test_p02_p03_it_holds_too.py"].passed == 2


def test_a_soak_goes_on_with_its_own_seed_only(soak: Path) -> None:
    run(soak, TACITA_SEED="3")
    said, _ = run(soak, resume=True, TACITA_SEED="4")
    assert "make soak SEED=3" in said
