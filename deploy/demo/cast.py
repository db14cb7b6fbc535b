"""Who takes part, and how they come together: broker, three nodes, two independent witnesses, one trust file."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deploy.demo.federation import Federation, Member
from deploy.demo.identifiers import REGION
from tacita_sdk.errors import NodeUnreachable
from tacita_sdk.node import Node

READY_SECONDS = 120.0
POLL_SECONDS = 0.05
REGULATOR = "regulator"
UNIVERSITY = "university"

PARTNERS = (
    ("albion-bank", "Albion Bank", "bank"),
    ("harbour-hotels", "Harbour Hotels", "hotel"),
    ("haven", "Haven", "ngo"),
)
"""Partner id, name, kind."""


@dataclass(frozen=True)
class Party:
    """A partner with its process and the client of its local API."""

    member: Member
    node: Node


@dataclass(frozen=True)
class Cast:
    """Everybody, ready to work."""

    federation: Federation
    bank: Party
    hotel: Party
    ngo: Party
    ready_seconds: float
    """From starting a process to when it could work, the broker first, then all others side by side."""

    @property
    def parties(self) -> tuple[Party, Party, Party]:
        """The three partners that hold data."""
        return self.bank, self.hotel, self.ngo


@contextmanager
def assembled(federation: Federation) -> Iterator[Cast]:
    """Make everybody, agree on whose signatures count, and start all processes.

    Everybody's directory is made by the commands that an operator would type.
    """
    info = federation.start_broker()
    log_vkey = info["log_vkey"]
    with ThreadPoolExecutor() as together:
        enrolling = [
            together.submit(federation.enrol, partner, name=name, kind=kind, jurisdiction=REGION)
            for partner, name, kind in PARTNERS
        ]
        witnesses = {
            name: together.submit(federation.make_witness, name, log_vkey=log_vkey) for name in (REGULATOR, UNIVERSITY)
        }
    members = [made.result() for made in enrolling]
    federation.issue_trust(
        log_vkey=log_vkey,
        independent={name: vkey.result() for name, vkey in witnesses.items()},
        nodes={member.partner: member.witness_vkey for member in members},
    )
    with ThreadPoolExecutor() as together:
        list(together.map(federation.install_trust, members))
    began = time.monotonic()
    for name in witnesses:
        federation.run_witness(name)
    for member in members:
        federation.run_node(member)
    with ExitStack() as stack:
        bank, hotel, ngo = (
            Party(member, stack.enter_context(Node(member.url, token=member.token))) for member in members
        )
        for party in (bank, hotel, ngo):
            wait_until_ready(party.node)
        until(lambda: _cosigned(federation), "The witnesses did not sign the log in time.")
        ready = federation.broker_start_seconds + time.monotonic() - began
        yield Cast(federation, bank, hotel, ngo, ready)


def wait_until_ready(node: Node) -> None:
    """Wait until a node serves, has its trust file, and is approved by the broker."""

    def ready() -> bool:
        try:
            status = node.status()
        except NodeUnreachable:
            return False
        return status.approved and status.trust

    until(ready, "A node was not ready in time.")


def until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait until something holds, and end the demo with a sentence when it does not come to hold."""
    give_up = time.monotonic() + READY_SECONDS
    while not condition():
        if time.monotonic() > give_up:
            raise SystemExit(otherwise)
        time.sleep(POLL_SECONDS)


def _cosigned(federation: Federation) -> bool:
    """Whether both independent witnesses have signed the newest state of the log."""
    note = (federation.log_directory / "checkpoint").read_text(encoding="utf-8")
    return all(f"\u2014 {name} " in note for name in (REGULATOR, UNIVERSITY))
