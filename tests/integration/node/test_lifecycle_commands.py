"""`tacita-node rotate`, and what `run` does with a rotation that was begun."""

import json
from pathlib import Path

import pytest
from typer.testing import Result

from tacita_protocol.api import Problem
from tests.integration.node.test_commands import ServedBroker, broker, in_process, init_arguments, passphrase

__all__ = ["broker", "passphrase"]  # fixtures


@pytest.fixture
def node(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> Path:
    made = in_process(*init_arguments(tmp_path / "node", broker, passphrase))
    assert made.exit_code == 0, made.output
    return tmp_path / "node"


def rotate(node: Path, passphrase: Path, *more: str) -> Result:
    return in_process("rotate", node, "--passphrase-file", passphrase, *more)


def test_it_says_the_new_fingerprint_and_what_to_do_next(
    node: Path,
    broker: ServedBroker,
    passphrase: Path,
) -> None:
    before = (node / "card.json").read_bytes()
    done = rotate(node, passphrase)
    assert done.exit_code == 0, done.output
    after = (node / "card.json").read_bytes()
    assert after != before
    assert broker.simulator.cards["north-bank"].encode() == after.strip()
    for step in ("read out to every partner", "publish each dataset again", "sign every agreement anew"):
        assert step in done.output
    again = json.loads(rotate(node, passphrase, "--json").stdout)
    assert again["partner"] == "north-bank"
    assert again["fingerprint"] not in done.output
    assert not any(path.stat().st_mode & 0o077 for path in (node / "keys.sealed", node / "card.json"))


def test_a_broker_that_fails_leaves_it_to_be_finished(
    node: Path,
    broker: ServedBroker,
    passphrase: Path,
) -> None:
    before = (node / "card.json").read_bytes()
    broker.simulator.down = True
    failed = rotate(node, passphrase)
    started = in_process("run", node, "--passphrase-file", passphrase)
    broker.simulator.down = False
    assert (failed.exit_code, "run `tacita-node rotate` again" in failed.stderr) == (1, True)
    assert (started.exit_code, "the keys are being replaced" in started.stderr) == (1, True)
    assert (node / "card.json").read_bytes() == before
    begun = json.loads((node / "rotation.json").read_bytes())["card"]
    assert rotate(node, passphrase).exit_code == 0
    assert broker.simulator.cards["north-bank"] == begun
    assert not (node / "rotation.json").exists()


def test_a_broker_that_refuses_leaves_everything_as_it_was(
    node: Path,
    broker: ServedBroker,
    passphrase: Path,
) -> None:
    before = {path.name: path.read_bytes() for path in (node / "card.json", node / "keys.sealed")}
    broker.simulator.refuse = Problem.of(429, "too-many-rotations", "Too Many Requests", "Too often today.")
    refused = rotate(node, passphrase)
    broker.simulator.refuse = None
    assert (refused.exit_code, "nothing was changed" in refused.stderr) == (1, True)
    assert {name: (node / name).read_bytes() for name in before} == before
    assert not (node / "rotation.json").exists()
