"""Real processes under one folder: a broker, nodes and independent witnesses, each with a directory of its own."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 60.0
STOP_SECONDS = 10.0
COMMANDS = Path(sys.executable).parent
ROLES = ("--role", "analyst", "--role", "approver", "--role", "admin")
"""One person does everything here; where people work, each token has one."""


@dataclass(frozen=True)
class Member:
    """A node of the demo: its directory, address, and the token file of its local API."""

    partner: str
    directory: Path
    url: str
    token_file: Path
    fingerprint: str
    witness_vkey: str

    @property
    def token(self) -> str:
        """The token itself."""
        return self.token_file.read_text(encoding="ascii").strip()


@dataclass
class Federation:
    """Starts everything under one folder and stops it again, whatever happens."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    broker_port: int = field(default_factory=lambda: free_port())
    visible_port: int | None = None
    broker_start_seconds: float = field(default=0.0, init=False)
    """From starting the broker's process to its first answer."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def broker_url(self) -> str:
        """Where nodes and witnesses reach the broker (`visible_port` when something stands between)."""
        return f"http://127.0.0.1:{self.visible_port or self.broker_port}"

    @property
    def trust_file(self) -> Path:
        """The federation's trust file: the log's key, the witnesses' keys, the quorum."""
        return self.root / "trust.policy"

    @property
    def passphrase_file(self) -> Path:
        """The passphrase of every key file here; where people work, each has one."""
        return self.root / "secrets" / "passphrase"

    @property
    def log_directory(self) -> Path:
        """The public log as files: checkpoint and tiles."""
        return self.root / "broker" / "log"

    def start_broker(self) -> dict[str, Any]:
        """Make and start the broker; returns its public keys."""
        directory, port = str(self.root / "broker"), str(self.broker_port)
        self._command("tacita-broker", "init", directory, "--name", "demo-broker", "--port", port)
        began = time.monotonic()
        self._start("broker", "tacita-broker", "run", directory)
        _wait_until_healthy(f"http://127.0.0.1:{port}")
        self.broker_start_seconds = time.monotonic() - began
        return self._json("tacita-broker", "info", directory, "--json")

    def enrol(self, partner: str, *, name: str, kind: str, jurisdiction: str) -> Member:
        """Invite, initialise and approve a node."""
        port = free_port()
        directory = self.root / partner
        code = self.invite(kind)
        made = self._json(
            "tacita-node", "init", str(directory), "--broker", self.broker_url, "--invite", code, "--id", partner,
            "--name", name, "--kind", kind, "--jurisdiction", jurisdiction, "--port", str(port), "--json",
        )  # fmt: skip
        self.approve(partner, made["fingerprint"])
        token = self._json("tacita-node", "token", str(directory), *ROLES, "--json")["token"]
        token_file = self.root / "secrets" / f"{partner}.token"
        _write_secret(token_file, token)
        url = f"http://127.0.0.1:{port}"
        return Member(partner, directory, url, token_file, made["fingerprint"], made["witness_vkey"])

    def invite(self, kind: str) -> str:
        """The code of an invitation for one partner of this kind."""
        return str(self._json("tacita-broker", "invite", str(self.root / "broker"), "--kind", kind, "--json")["code"])

    def approve(self, partner: str, fingerprint: str) -> None:
        """Approve a partner that has enrolled."""
        broker = str(self.root / "broker")
        self._command("tacita-broker", "approve", broker, partner, "--fingerprint", fingerprint)

    def start_witness(self, name: str, *, log_vkey: str) -> tuple[str, str]:
        """Make and start an independent witness; returns its name and verifier key."""
        vkey = self.make_witness(name, log_vkey=log_vkey)
        self.run_witness(name)
        return name, vkey

    def make_witness(self, name: str, *, log_vkey: str) -> str:
        """Make an independent witness; returns its verifier key."""
        directory = self.root / name
        line = self._command(
            "tacita", "witness", "init", str(directory), "--name", name, "--broker", self.broker_url,
            "--log-vkey", log_vkey,
        )  # fmt: skip
        return line.split()[2]

    def run_witness(self, name: str) -> None:
        """Start a witness that was made."""
        self._start(name, "tacita", "witness", "run", str(self.root / name))

    def issue_trust(self, *, log_vkey: str, independent: Mapping[str, str], nodes: Mapping[str, str]) -> None:
        """Write the trust file (both independent witnesses must have cosigned) and issue it at the broker."""
        lines = [
            "# The federation's trust file: whose signatures make the log count.",
            f"log {log_vkey}",
            *(f"witness {name} {vkey}" for name, vkey in {**independent, **nodes}.items()),
            f"group independent all {' '.join(independent)}",
            "quorum independent",
        ]
        self.trust_file.write_text("\n".join(lines) + "\n", encoding="ascii")
        self._command("tacita-broker", "trust", str(self.root / "broker"), str(self.trust_file))

    def start_node(self, member: Member) -> None:
        """Install the trust file at a node and start it."""
        self.install_trust(member)
        self.run_node(member)

    def install_trust(self, member: Member) -> None:
        """Give a node the trust file."""
        self._command("tacita-node", "trust", str(member.directory), str(self.trust_file))

    def run_node(self, member: Member) -> None:
        """Start a node that has its trust file, for the first time or again."""
        self._start(member.partner, "tacita-node", "run", str(member.directory))

    def kill(self, name: str) -> None:
        """SIGKILL: what a process feels of a power cut."""
        self._processes[name].kill()
        self._processes[name].wait()

    @property
    def process_ids(self) -> dict[str, int]:
        """The running processes by name."""
        return {name: process.pid for name, process in self._processes.items() if process.poll() is None}

    def tacita(self, *arguments: str, member: Member | None = None) -> str:
        """Run the `tacita` command as a user of a node would; returns what it prints."""
        extra = {} if member is None else {"TACITA_NODE": member.url, "TACITA_TOKEN_FILE": str(member.token_file)}
        return self._command("tacita", *arguments, extra=extra)

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the `tacita` command where a failure may be the right answer."""
        return self._run(["tacita", *arguments], {})

    def _json(self, *command: str) -> dict[str, Any]:
        answer = json.loads(self._command(*command))
        if not isinstance(answer, dict):
            raise TypeError(f"{command[0]} {command[1]} did not answer with one JSON object")
        return answer

    def _command(self, *command: str, extra: Mapping[str, str] | None = None) -> str:
        done = self._run(command, extra or {})
        if done.returncode != 0:
            raise SystemExit(f"`{command[0]} {command[1]}` failed with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _run(self, command: Sequence[str], extra: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMANDS / command[0]), *command[1:]],
            env=self._environment(extra),
            capture_output=True,
            text=True,
            check=False,
        )

    def _start(self, name: str, *command: str) -> None:
        log = self._stack.enter_context((self.root / f"{name}.log").open("a", encoding="utf-8"))
        process = subprocess.Popen(
            [str(COMMANDS / command[0]), *command[1:]],
            env=self._environment({}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._processes[name] = process
        self._stack.callback(_stop, process)

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        passphrase = self.passphrase_file
        if not passphrase.exists():
            _write_secret(passphrase, secrets.token_urlsafe(32))
        return {
            **os.environ,
            "TACITA_BROKER_PASSPHRASE_FILE": str(passphrase),
            "TACITA_NODE_PASSPHRASE_FILE": str(passphrase),
            "TACITA_WITNESS_PASSPHRASE_FILE": str(passphrase),
            "TACITA_BROKER_AUTHORITIES": json.dumps(
                [f"127.0.0.1:{port}" for port in (self.broker_port, self.visible_port) if port is not None]
            ),
            **self.environment,
            **extra,
        }


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _write_secret(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as handle:
        handle.write(text)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310 - loopback, scheme fixed above
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > give_up:
                raise SystemExit(f"{url} did not become healthy within {START_SECONDS:.0f} s") from None
            time.sleep(0.05)
