"""The parties of a campaign: a broker, a bank's and an NGO's node, two independent witnesses, each its own process.

Their directories are made in this process, which is quicker than by their commands; only what runs is a program. A
third partner, `load`, is enrolled and has no node: `requests` speaks for it.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tacita_broker.administration import enrolment, issue_trust
from tacita_broker.directory import BrokerDirectory, NewBroker
from tacita_node.access.roles import Role
from tacita_node.access.tokens import Tokens
from tacita_node.clock import system_clock
from tacita_node.config import NodeDirectory
from tacita_node.enrolment import Application, enrol
from tacita_node.identity import Identity
from tacita_node.storage import Database, migrate
from tacita_node.trust import install_trust
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.note import NoteVerifier
from tacita_protocol.tlog.trust import TrustPolicy, federation_policy
from tacita_sdk.errors import NodeUnreachable
from tacita_sdk.node import Node
from tacita_sdk.witness import init_witness
from tests.support.campaign.forked_programs import ForkedPrograms, sessions_alive

BROKER, BANK, NGO, LOAD = "broker", "north-bank", "safe-harbour", "load"
WITNESSES = ("north-witness", "south-witness")
PARTIES = (BROKER, BANK, NGO, *WITNESSES)
PASSPHRASE = b"correct horse battery staple"
READY_SECONDS = 240.0
"""Far more than anything takes; a busy machine gets it."""
_BROKER_LIMITS = {
    "DENIAL_CLOSING_MEAN_SECONDS": "0.05",
    "ABORT_GRACE_SECONDS": "2",
    "START_SECONDS": "60",
    "MATCH_SECONDS": "120",
    "OPEN_MATCHES_PER_PARTNER": "1000",
    "LOG_BATCH_SECONDS": "0.25",
    **dict.fromkeys(("SIGNED_PER_SECOND", "BEARER_PER_SECOND", "PUBLIC_PER_SECOND"), "5000"),
}
"""Deadlines come within the campaign, and rates do not slow it down."""


@dataclass
class Parties:
    """Everything under `root`. `processes` are those that run now; `sessions` those that were killed."""

    root: Path
    programs: ForkedPrograms
    ports: dict[str, int] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    sessions: set[int] = field(default_factory=set)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Make all of them, start all of them, wait until both nodes may match."""
        for name in (BROKER, BANK, NGO):
            self.ports[name] = _free_port()
        asyncio.run(self._make_broker())
        self.start(BROKER)
        until(self._broker_answers)
        trust = asyncio.run(self._make_others())
        for name in (BANK, NGO):
            identity = self.identities[name]
            install_trust(
                NodeDirectory(self.root / name).trust,
                trust.text.encode(),
                broker=identity.broker,
                own=identity.card.body,
            )
        for name in PARTIES[1:]:
            self.start(name)
        nodes = [self.node(name) for name in (BANK, NGO)]
        until(lambda: all(_ready(node) for node in nodes))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        for name in list(self.processes):
            self.kill(name)

    @property
    def broker_url(self) -> str:
        """Where everybody reaches the broker."""
        return f"http://127.0.0.1:{self.ports[BROKER]}"

    @property
    def trust_file(self) -> Path:
        """The federation's trust file."""
        return self.root / "trust.policy"

    @property
    def log_directory(self) -> Path:
        """The published log."""
        return self.root / BROKER / "log"

    def node(self, name: str) -> Node:
        """A client of a node's local API, for one thread."""
        url = f"http://127.0.0.1:{self.ports[name]}"
        return self._stack.enter_context(Node(url, token=self.tokens[name]))

    def start(self, name: str) -> None:
        """Start a party's program."""
        directory = str(self.root / name)
        command = {BROKER: ("tacita-broker", "run"), BANK: ("tacita-node", "run"), NGO: ("tacita-node", "run")}
        program, *arguments = command.get(name, ("tacita", "witness", "run"))
        self.processes[name] = self.programs.start(
            program, *arguments, directory, log=self.root / f"{name}.log", environment=self._environment(name)
        )

    def kill(self, name: str) -> None:
        """`kill -9` a party's program; what it started must follow by itself (`orphans`)."""
        process = self.processes.pop(name)
        self.sessions.add(process)
        self.programs.kill(process)

    def stop(self) -> dict[str, int]:
        """Stop everything in order; the exit codes."""
        order = (*reversed(PARTIES[1:]), BROKER)
        return {name: self.programs.stop(self.processes.pop(name)) for name in order}

    def ended(self) -> list[str]:
        """The parties that run and have ended by themselves, which none may."""
        return [name for name, process in self.processes.items() if self.programs.ended(process)]

    def orphans(self) -> int:
        """How many killed programs left something running that does not end."""
        give_up = time.monotonic() + READY_SECONDS
        while (alive := sessions_alive(frozenset(self.sessions))) and time.monotonic() < give_up:
            time.sleep(0.1)
        return len(alive)

    def _environment(self, name: str) -> dict[str, str]:
        passphrase = str(self.root / "passphrase")
        environment = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "TMPDIR") if key in os.environ}
        if name == BROKER:
            return environment | {
                "TACITA_BROKER_PASSPHRASE_FILE": passphrase,
                **{f"TACITA_BROKER_{limit}": value for limit, value in _BROKER_LIMITS.items()},
            }
        return environment | {"TACITA_NODE_PASSPHRASE_FILE": passphrase, "TACITA_NODE_WORKERS": "1"}

    async def _make_broker(self) -> None:
        (self.root / "passphrase").write_bytes(PASSPHRASE)
        new = NewBroker("hub", "Hub", "127.0.0.1", self.ports[BROKER], (), None)
        await BrokerDirectory(self.root / BROKER).create(new, PASSPHRASE)

    async def _make_others(self) -> TrustPolicy:
        """Enrol three partners, make two witnesses, issue a trust file in which these two are enough."""
        for name, kind in ((BANK, PartnerKind.BANK), (NGO, PartnerKind.NGO), (LOAD, PartnerKind.BANK)):
            await self._enrol(name, kind)
        log_vkey = self.identities[BANK].broker.log_vkey
        verifiers = {name: self.identities[name].witness.verifier for name in (BANK, NGO)}
        for name in WITNESSES:
            line = init_witness(self.root / name, name=name, broker_url=self.broker_url, log_vkey=log_vkey)
            verifiers[name] = NoteVerifier.from_vkey(line.split()[2])
        trust = federation_policy(NoteVerifier.from_vkey(log_vkey), verifiers, threshold=2, counting=WITNESSES)
        self.trust_file.write_text(trust.text, encoding="utf-8")
        return await issue_trust(self.root / BROKER, self.trust_file, replace=False)

    async def _enrol(self, name: str, kind: PartnerKind) -> None:
        directory = NodeDirectory(self.root / name)
        application = Application(
            partner=name,
            name=name,
            kind=kind,
            jurisdictions=("GB",),
            legal_entity=name,
            contact="desk@example.org",
            port=self.ports.get(name, 8441),
        )
        async with enrolment(self.root / BROKER) as desk, httpx2.AsyncClient() as client:
            code = (await desk.invite(kind)).code
            identity = await enrol(
                directory,
                application,
                broker_url=self.broker_url,
                invitation=code,
                passphrase=PASSPHRASE,
                clock=system_clock,
                client=client,
            )
            await desk.approve(name, identity.fingerprint)
        self.identities[name] = identity
        if name in self.ports:
            await asyncio.to_thread(migrate, directory.database)
            database = Database(directory.database)
            try:
                self.tokens[name] = (await Tokens(database, clock=system_clock, limit=10).issue(*Role)).secret
            finally:
                await database.close()

    def _broker_answers(self) -> bool:
        try:
            return httpx2.get(f"{self.broker_url}/healthz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


def until(condition: Callable[[], bool], *, seconds: float = READY_SECONDS, pause: float = 0.05) -> None:
    """Wait for something that must come."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not come to this in time"
        time.sleep(pause)


def _ready(node: Node) -> bool:
    try:
        status = node.status()
    except NodeUnreachable:
        return False
    return status.approved and status.trust


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
