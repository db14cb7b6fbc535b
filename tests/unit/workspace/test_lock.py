"""The lock: everything pinned, everything hashed, and no word about where to fetch it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MEMBERS = ("protocol", "policies", "sdk", "node", "broker")

REQUIREMENT = re.compile(
    r"[a-z0-9][a-z0-9.-]*(\[[a-z0-9,-]+\])?==[A-Za-z0-9.!+_-]+"  # name, extras, one version
    r"( ; [^\\#@:]+)?"  # on which machines
    r"( --hash=sha256:[0-9a-f]{64})+"
)


def requirements() -> list[str]:
    """The requirements of the lock, continuation lines joined, comments dropped."""
    lines = re.sub(r"\\\n\s*", "", LOCK).splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared_names(member: str) -> list[str]:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    declared = [*project["dependencies"], *(item for extra in extras for item in extra)]
    return [canonical(re.split(r"[\[<>=~!; ]", item)[0]) for item in declared]


def test_every_requirement_is_pinned_and_hashed() -> None:
    assert requirements()
    loose = [line for line in requirements() if not REQUIREMENT.fullmatch(line)]
    assert loose == []


@pytest.mark.parametrize(
    "word", ["://", "--index-url", "--extra-index-url", "--find-links", "--trusted-host", "-e ", " @ "]
)
def test_no_index_address(word: str) -> None:
    assert word not in LOCK


def test_nothing_is_pinned_twice_under_one_condition() -> None:
    keys = [line.partition(" --hash")[0] for line in requirements()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("member", MEMBERS)
def test_every_declared_dependency_is_locked(member: str) -> None:
    locked = {canonical(re.split(r"[\[=]", line)[0]) for line in requirements()}
    third_party = [name for name in declared_names(member) if not name.startswith("tacita-")]
    assert [name for name in third_party if name not in locked] == []


def test_uv_itself_is_locked() -> None:
    assert any(line.startswith("uv==") for line in requirements())


def test_uv_lock_is_not_kept() -> None:
    """It names an index; `requirements.lock` is the one lock."""
    assert "uv.lock" in (ROOT / ".gitignore").read_text().splitlines()
