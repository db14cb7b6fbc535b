"""The systemd units: systemd itself reads them, and says how exposed each leaves the machine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from tacita_broker.cli import app as broker_app
from tacita_node.cli import app as node_app
from tacita_sdk.cli.main import app as sdk_app

FOLDER = Path(__file__).parents[3] / "deploy/systemd"
UNITS = ("tacita-broker", "tacita-node", "tacita-witness")
APPS = {"tacita-broker": broker_app, "tacita-node": node_app, "tacita": sdk_app}
OPERATING = (FOLDER.parents[1] / "docs/operating.md").read_text(encoding="utf-8")
INSTALLED = "/opt/tacita/bin/"
EXPOSURE = 15
"""Tenths, of 100; systemd calls 10 to 20 "OK" and below "SAFE"."""
INSTALL = "systemd-analyze is not installed, and this test needs it: run `make system-packages` (see README.md)"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program is not None, INSTALL
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit whose program is where this interpreter has it."""
    text = (FOLDER / f"{request.param}.service").read_text(encoding="utf-8")
    assert text.count(INSTALLED) == 1
    file = tmp_path / f"{request.param}.service"
    file.write_text(text.replace(INSTALLED, f"{Path(sys.executable).parent}/"))
    return file


@pytest.mark.parametrize("unit", UNITS, indirect=True)
def test_systemd_reads_the_unit_without_a_complaint(unit: Path) -> None:
    verified = analyze("verify", str(unit))
    assert [line for line in verified.stderr.splitlines() if unit.name in line] == []
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize("unit", UNITS, indirect=True)
def test_the_unit_leaves_little_exposed(unit: Path) -> None:
    looked = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(unit))
    assert looked.returncode == 0, looked.stdout[-2000:]


@pytest.mark.parametrize("name", UNITS)
def test_the_command_exists_and_its_directory_is_the_units_own(name: str) -> None:
    text = (FOLDER / f"{name}.service").read_text(encoding="utf-8")
    command = re.search(rf"^ExecStart={INSTALLED}(\S+) (.*)$", text, re.MULTILINE)
    assert command is not None
    found = typer.main.get_command(APPS[command[1]])
    words = command[2].split()
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    state = re.search(r"^StateDirectory=(\S+)$", text, re.MULTILINE)
    assert state is not None
    assert words[0].startswith(f"/var/lib/{state[1]}/")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_hands_over_the_passphrase_of_its_keys(name: str) -> None:
    text = (FOLDER / f"{name}.service").read_text(encoding="utf-8")
    part = name.removeprefix("tacita-")
    file = f"/etc/tacita/{part}.passphrase"
    assert f"\nLoadCredential=passphrase:{file}\n" in text
    assert file in text.partition("[Unit]")[0], "its first lines say how to make it, with the same file"
    assert f"PASSPHRASE_FILE={file}" in OPERATING or f"--passphrase-file {file}" in OPERATING
    assert f"\nEnvironment=TACITA_{part.upper()}_PASSPHRASE_FILE=%d/passphrase " in text


def test_the_units_are_hardened_alike() -> None:
    """From "NoNewPrivileges" on they are the same, so that what is learned of one holds for all."""
    ends = {(FOLDER / f"{name}.service").read_text(encoding="utf-8").partition("NoNewPrivileges")[2] for name in UNITS}
    assert len(ends) == 1
    for setting in ("MemoryDenyWriteExecute=yes", "ProtectSystem=strict", "SystemCallFilter=@system-service"):
        assert f"\n{setting}\n" in next(iter(ends))
