"""The peers' lock is of the kind of the project's, and measures what the project uses."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "bench" / "peers" / "requirements.lock").read_text(encoding="utf-8")


def requirements(text: str) -> list[str]:
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def version(text: str, name: str) -> str:
    found = re.search(rf"(?m)^{name}==(\S+)", text)
    assert found is not None
    return found[1]


def test_everything_is_pinned_and_hashed() -> None:
    assert requirements(LOCK)
    assert [line for line in requirements(LOCK) if "==" not in line or "--hash=sha256:" not in line] == []


def test_no_index_address() -> None:
    assert "://" not in LOCK
    assert "index" not in LOCK


def test_a_peer_has_the_version_that_the_project_stands_on() -> None:
    project = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in ("openmined-psi", "phonenumbers"):
        assert version(LOCK, name) == version(project, name)
