"""Each member stands alone: built as a wheel, installed with what it declares, everything in it imported."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MEMBERS = ("protocol", "policies", "sdk", "node", "broker")
# Which extra of a member a part of it may rely on.
EXTRAS = {"tacita_sdk.cli": "cli", "tacita_protocol.identifiers.numbering_plan": "fast"}

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__") and ".migrations." not in module.name:  # run by Alembic, not imported
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules if name.startswith("tacita_")}))
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(requirement: str) -> str:
    return canonical(re.split(r"[\[<>=~!; ]", requirement)[0])


def declared(member: str, extra: str | None = None) -> set[str]:
    """Names of the distributions that a member declares, with those of one extra."""
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    items = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else [])]
    return {requirement_name(item) for item in items}


def siblings(member: str) -> set[str]:
    """The other members that `member` declares."""
    return {name.removeprefix("tacita-") for name in declared(member) if name.startswith("tacita-")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of every member, built offline by the installed hatchling."""
    directory = tmp_path_factory.mktemp("wheels")
    for member in MEMBERS:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
        subprocess.run(command, cwd=ROOT / member, check=True, capture_output=True)
    return {member: next(directory.glob(f"tacita_{member}-*.whl")) for member in MEMBERS}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_installs_and_imports_alone(member: str, wheels: dict[str, Path], tmp_path: Path) -> None:
    present = {member} | siblings(member)
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline", "--no-index"]
    chosen = [str(wheels[name]) for name in sorted(present)]
    subprocess.run([*install, "--target", str(tmp_path), *chosen], check=True, capture_output=True)
    # -S: no .pth files are read, so that the workspace's editable members are out of sight.
    run = subprocess.run(
        [sys.executable, "-S", "-P", "-c", IMPORT_EVERYTHING, f"tacita_{member}"],
        env={"PYTHONPATH": f"{tmp_path}:{sysconfig.get_path('purelib')}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"tacita_{member}" in run.stdout.split()
    assert set(run.stdout.split()) <= {f"tacita_{name}" for name in present}


def test_what_is_no_code_is_in_the_wheel(wheels: dict[str, Path], tmp_path: Path) -> None:
    """Policies are data files; a wheel without them would import and then deny everything."""
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheels["policies"]), str(tmp_path)], check=True)
    source = ROOT / "policies/src/tacita_policies"
    for pattern in ("rego/**/*.rego", "data/*.json", "py.typed"):
        expected = {path.relative_to(source) for path in source.glob(pattern)}
        assert expected
        assert {path for path in expected if (tmp_path / "tacita_policies" / path).is_file()} == expected


def imports(member: str) -> Iterator[tuple[str, str]]:
    """(module of the member, what it imports at any depth), absolute imports only."""
    source = ROOT / member / "src"
    for path in sorted(source.rglob("*.py")):
        module = ".".join(path.relative_to(source).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield module, node.module


@pytest.mark.parametrize("member", MEMBERS)
def test_every_import_is_declared(member: str) -> None:
    owners = importlib.metadata.packages_distributions()
    undeclared = set()
    for module, imported in imports(member):
        top = imported.partition(".")[0]
        if top in sys.stdlib_module_names or top == f"tacita_{member}":
            continue
        extra = next((extra for prefix, extra in EXTRAS.items() if f"{module}.".startswith(f"{prefix}.")), None)
        candidates = {canonical(name) for name in owners.get(top, [top])}
        if not candidates & declared(member, extra):
            undeclared.add((module, imported))
    assert undeclared == set()


@pytest.mark.parametrize("member", MEMBERS)
def test_every_declared_dependency_is_used(member: str) -> None:
    """What nobody imports is not shipped to a partner who must review it."""
    engines = {"aiosqlite", "httptools", "uvloop"}  # chosen by name at run time, by SQLAlchemy and uvicorn
    owners = importlib.metadata.packages_distributions()
    tops = {imported.partition(".")[0] for _, imported in imports(member)}
    used = {canonical(name) for top in tops for name in owners.get(top, [])}
    third_party = {name for name in declared(member) if not name.startswith("tacita-")}
    assert third_party - engines - used == set()


def test_the_broker_imports_neither_node_nor_sdk() -> None:
    foreign = {(module, name) for module, name in imports("broker") if name.startswith(("tacita_node", "tacita_sdk"))}
    assert foreign == set()
    assert siblings("broker") == {"policies", "protocol"}


def test_the_node_does_not_install_the_command_line() -> None:
    project = tomllib.loads((ROOT / "node/pyproject.toml").read_text())["project"]
    assert "tacita-sdk" in project["dependencies"]
    assert not [name for _, name in imports("node") if name.startswith("tacita_sdk.cli")]


@pytest.mark.parametrize("member", MEMBERS)
def test_types_are_shipped(member: str) -> None:
    assert (ROOT / member / "src" / f"tacita_{member}" / "py.typed").is_file()
