"""The Dockerfile and the locks of its images, without an engine: what each stage says, and what each lock holds."""

import importlib.metadata
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.docker.lock_of import needed

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
IMAGES = {"broker": "tacita-broker", "node": "tacita-node", "witness": "tacita"}
PINNED = re.compile(r"[a-z0-9./-]+:[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?")
MEMBERS = {
    "broker": ("tacita-broker", "tacita-policies", "tacita-protocol"),
    "node": ("tacita-node", "tacita-sdk", "tacita-policies", "tacita-protocol"),
    "witness": ("tacita-sdk", "tacita-policies", "tacita-protocol"),
}


@dataclass
class Stage:
    """One stage: what it is made from, and its instructions in order."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        """The arguments of every instruction of this name."""
        return [rest for name, rest in self.instructions if name == word]


def stages() -> dict[str, Stage]:
    """The Dockerfile's stages by name. Every line is understood, or this fails."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    stage = Stage("")
    for line in re.sub(r"\\\n", " ", text).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            stage = found[name] = Stage(base)
        elif line:
            assert word in {
                "ENV",
                "WORKDIR",
                "COPY",
                "RUN",
                "VOLUME",
                "STOPSIGNAL",
                "USER",
                "EXPOSE",
                "ENTRYPOINT",
                "CMD",
            }
            stage.instructions.append((word, rest))
    return found


def test_every_base_is_pinned() -> None:
    found = stages()
    outside = {stage.base for stage in found.values() if stage.base not in found}
    assert len(outside) == 1  # one base to look after
    assert all(PINNED.fullmatch(base) for base in outside)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_its_program_as_nobody_in_particular(image: str) -> None:
    found = stages()
    stage, base = found[image], found["base"]
    assert stage.base == "base"
    assert base.instructions[-1] == ("USER", "10001:10001")  # and nothing after it is done as root
    assert [word for word, _ in stage.instructions] == [
        word for word in ("COPY", "ENV", "EXPOSE", "ENTRYPOINT", "CMD") if stage.all(word)
    ]
    assert stage.all("COPY") == [f"--from={image}-files /opt/tacita /opt/tacita"]
    assert stage.all("ENTRYPOINT") == [f'["{IMAGES[image]}"]']


def test_no_secret_and_no_address_gets_into_an_image() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert "ADD " not in text
    assert not re.search(r"://|curl|wget|apt-get|--index-url|ARG ", text)
    allowed = (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert allowed[0] == "*"  # nothing but what is named goes to the builder
    named = {line.removeprefix("!").partition("/")[0] for line in allowed if line.startswith("!")}
    assert named == {"requirements.lock", "deploy", "protocol", "policies", "sdk", "node", "broker"}


def test_everything_is_installed_by_hash() -> None:
    commands = [command for stage in stages().values() for run in stage.all("RUN") for command in run.split("&&")]
    installs = [command for command in commands if " install " in command and "pip" in command]
    assert len(installs) == 7
    assert all("--require-hashes --no-deps -r" in one or "--no-deps --no-index" in one for one in installs)


@pytest.mark.parametrize("image", MEMBERS)
def test_the_lock_of_an_image_is_what_its_members_need(image: str) -> None:
    part = needed(LOCK, MEMBERS[image])
    names = set(re.findall(r"^([a-z0-9.-]+)==", part, re.MULTILINE))
    run = next(run for run in stages()[f"{image}-files"].all("RUN"))
    assert f"lock_of.py requirements.lock {' '.join(MEMBERS[image])} > member.lock" in run
    required = {name for member in MEMBERS[image] for name in _closure(member)}
    assert required - names - {"tacita-policies", "tacita-protocol", "tacita-sdk"} == set()
    assert names & {"pytest", "mypy", "ruff", "hypothesis", "atheris", "uv", "hatchling"} == set()
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z])", part))


def _closure(member: str) -> set[str]:
    """What an installed member needs, all the way down, on this machine and without extras."""
    found: set[str] = set()
    waiting = [member]
    while waiting:
        for requirement in importlib.metadata.requires(waiting.pop()) or ():
            name, _, marker = requirement.partition(";")
            canonical = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!( ]", name.strip())[0]).lower()
            if not marker and canonical not in found:
                found.add(canonical)
                waiting.append(canonical)
    return found


def test_what_is_not_in_the_lock_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in the lock: tacita-brokr"):
        needed(LOCK, ["tacita-brokr"])
