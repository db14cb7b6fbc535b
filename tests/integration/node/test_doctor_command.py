"""`tacita-node doctor`: what is found at a node that does not run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tacita_node.config import NodeDirectory
from tacita_node.doctor import machine
from tacita_node.run import only_one
from tests.integration.node.test_commands import (
    ServedBroker,
    broker,
    in_process,
    init_arguments,
    install_trust,
    passphrase,
)

__all__ = ["broker", "passphrase"]  # fixtures


@pytest.fixture
def node(tmp_path: Path, broker: ServedBroker, passphrase: Path) -> Path:
    made = in_process(*init_arguments(tmp_path / "node", broker, passphrase))
    assert made.exit_code == 0, made.output
    return tmp_path / "node"


def examined(node: Path, *, failed: bool, **environment: str) -> dict[str, Any]:
    """The findings, by what was looked at."""
    done = in_process("doctor", node, "--json", **environment)
    assert done.exit_code == int(failed), done.output
    return {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_what_is_missing_and_what_is_there(node: Path, broker: ServedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LITTLE_ROOM", 0)  # there may be as little as there is
    found = examined(node, failed=True)
    assert [check for check, finding in found.items() if finding["status"] == "failed"] == ["trust"]
    assert "tacita-node trust" in found["trust"]["fix"]
    install_trust(node, broker)
    found = examined(node, failed=False)
    assert {finding["status"] for finding in found.values()} == {"ok"}
    assert set(found) == {"process", "keys", "trust", "policy", "disk", "broker", "clock"}
    with only_one(NodeDirectory(node)):
        assert examined(node, failed=False)["process"]["status"] == "warning"


def test_the_passphrase_that_the_environment_names_is_looked_at(node: Path, passphrase: Path) -> None:
    passphrase.chmod(0o644)
    keys = examined(node, failed=True, TACITA_NODE_PASSPHRASE_FILE=str(passphrase))["keys"]
    assert (keys["status"], keys["fix"]) == ("warning", f"Run `chmod 600 {passphrase}`.")


def test_own_rules_that_do_not_load_and_a_broker_that_is_down(node: Path) -> None:
    (node / "policies").write_text("not a folder")
    pinned = json.loads((node / "broker.json").read_bytes())
    (node / "broker.json").write_text(json.dumps(pinned | {"url": "http://127.0.0.1:1"}))
    found = examined(node, failed=True)
    assert found["policy"]["status"] == "failed"
    assert (found["broker"]["status"], found["clock"]["status"]) == ("failed", "skipped")
    said = in_process("doctor", node).output
    assert "To do: " in said


def test_where_no_node_is_it_says_so(tmp_path: Path) -> None:
    nowhere = in_process("doctor", tmp_path)
    assert (nowhere.exit_code, "run `tacita-node init` first" in nowhere.stderr) == (1, True)
