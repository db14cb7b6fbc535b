"""A federation that is made in this process, which is quick, and then run as one real process for each of its parts."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tacita_broker.directory import PASSPHRASE_VARIABLE
from tacita_node.access.roles import Role
from tacita_protocol.crypto.keyfile import open_key_file, seal_key_file
from tacita_sdk.node import Node
from tacita_sdk.witness.directory import _Config, _sealed
from tests.support.lighter_process import cheap_key_files
from tests.support.match_federation import BANK, INDEPENDENT_WITNESSES, NGO, PASSPHRASE, loaded_federation

COMMANDS = Path(sys.executable).parent
BROKER = "broker"
FOLDERS = {BROKER: "broker", BANK: "bank", NGO: "ngo", **{name: name for name in INDEPENDENT_WITNESSES}}
PATIENCE_SECONDS = 120.0
_DROP = "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
NO_OVERRIDE = [sys.executable, "-c", _DROP]
"""Gives up CAP_DAC_OVERRIDE (PR_CAPBSET_DROP), by which root ignores permissions; nothing to others, who have none."""


@dataclass
class ProcessFederation:
    """Broker, two nodes and two witnesses under `root`. Nothing runs until it is started."""

    root: Path
    ports: dict[str, int]
    tokens: dict[str, str]
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path) -> "ProcessFederation":
        """Enrolled, with lists and a signed agreement, as `loaded_federation` makes it."""
        made = cls(root, {name: free_port() for name in (BROKER, BANK, NGO)}, {})
        asyncio.run(made._make())
        made._seal_at_full_cost()
        made._move_to_ports()
        (root / "passphrase").write_bytes(PASSPHRASE)
        return made

    async def _make(self) -> None:
        async with loaded_federation(self.root) as federation:
            for name, member in ((BANK, federation.bank), (NGO, federation.ngo)):
                self.tokens[name] = (await member.running.tokens.issue(*Role)).secret
            for name, key in federation.witness_keys.items():
                log = federation.broker.settings.log_vkey
                config = _Config(v=1, name=name, broker=self.url(BROKER), log=log)
                (self.root / name / "witness.json").write_text(config.model_dump_json())
                (self.root / name / "witness.key").write_bytes(_sealed(key))

    def _seal_at_full_cost(self) -> None:
        """Key files that were sealed cheaply open in this process only."""
        for file in self.root.glob("*/keys.sealed"):
            with cheap_key_files():
                secrets = open_key_file(file.read_bytes(), PASSPHRASE)
            file.write_bytes(seal_key_file(secrets, PASSPHRASE))

    def _move_to_ports(self) -> None:
        config = self.root / "broker" / "config.toml"
        config.write_text(re.sub(r"(?m)^port = .*", f"port = {self.ports[BROKER]}", config.read_text()))
        for folder in ("bank", "ngo"):
            file = self.root / folder / "broker.json"
            pinned = json.loads(file.read_text())
            file.write_text(json.dumps({**pinned, "url": self.url(BROKER)}))

    def url(self, name: str) -> str:
        """Where a part is reached."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def node(self, name: str) -> Node:
        """A client of a node; the caller closes it."""
        return Node(self.url(name), token=self.tokens[name])

    def start(self, *names: str) -> None:
        """Starts those of these parts that do not run, together, and waits until all answer."""
        for name in names:
            if name not in self.running:
                self.running[name] = self.popen(name)
        for name in names:
            if name in self.ports:
                until(lambda name=name: self._answers(name))  # type: ignore[misc]

    def popen(self, name: str, *options: str, override: bool = True) -> subprocess.Popen[str]:
        """The process of a part, whatever becomes of it; without `override` root may write no more than others."""
        folder = self.root / FOLDERS[name]
        command = {
            BROKER: ["tacita-broker", "run"],
            BANK: ["tacita-node", "run"],
            NGO: ["tacita-node", "run"],
        }.get(name, ["tacita", "witness", "run"])
        environment = {
            PASSPHRASE_VARIABLE: str(self.root / "passphrase"),
            "TACITA_NODE_PASSPHRASE_FILE": str(self.root / "passphrase"),
            "TACITA_NODE_WORKERS": "1",
        }
        if name in (BANK, NGO):
            environment["TACITA_NODE_PORT"] = str(self.ports[name])
        return subprocess.Popen(
            [*([] if override else NO_OVERRIDE), str(COMMANDS / command[0]), *command[1:], str(folder), *options],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self, *names: str) -> dict[str, int]:
        """SIGTERM to these parts at once; their exit codes."""
        for name in names:
            self.running[name].send_signal(signal.SIGTERM)
        return {name: self.ended(name)[0] for name in names}

    def ended(self, name: str) -> tuple[int, str]:
        """Waits until a part has ended: its exit code, and what it logged."""
        process = self.running.pop(name)
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, log

    def kill_all(self) -> None:
        """Whatever still runs is killed."""
        for name in list(self.running):
            self.running[name].kill()
            self.ended(name)

    def _answers(self, name: str) -> bool:
        process = self.running[name]
        assert process.poll() is None, process.communicate()[1]
        path, headers = "/healthz", {}
        if name in self.tokens:  # a node answers before its matches are taken up again
            path, headers = "/v1/matches", {"authorization": f"Bearer {self.tokens[name]}"}
        try:
            return httpx2.get(f"{self.url(name)}{path}", headers=headers, timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


WITNESSES = INDEPENDENT_WITNESSES


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition, for a limited time."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not come to this in time"
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
