"""A node in this process: the real application over real SQLite, against a simulated broker."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tacita_node.access.roles import Role
from tacita_node.app import create_app
from tacita_node.clock import Clock
from tacita_node.config import Limits, NodeDirectory, Settings
from tacita_node.enrolment import Application, enrol
from tacita_node.identity import Identity
from tacita_node.services import NodeServices, open_services
from tacita_node.storage import migrate
from tacita_node.workers import ThreadWorkers
from tacita_policies.bundle import Bundle
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import URL, BrokerSimulator
from tests.support.inline_sqlite import inline_sqlite
from tests.support.shipped_policies import BUSY_MACHINE

NOW = 1_800_000_000
BUNDLE = Bundle.load()
PASSPHRASE = b"correct horse battery staple"


@dataclass
class TestClock:
    """A clock that a test sets."""

    __test__ = False

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class SingleNode:
    """A running node, a client with a token of every role, and the services behind it."""

    client: httpx2.AsyncClient
    services: NodeServices
    directory: NodeDirectory
    token: str


def application(partner: str = "north-bank", kind: PartnerKind = PartnerKind.BANK) -> Application:
    """What a partner says about itself."""
    return Application(
        partner=partner,
        name=partner.replace("-", " ").title(),
        kind=kind,
        jurisdictions=("GB",),
        legal_entity=partner.title(),
        contact="desk@example.org",
    )


async def enrolled(
    root: Path,
    broker: BrokerSimulator,
    *,
    clock: Clock,
    partner: str = "north-bank",
    kind: PartnerKind = PartnerKind.BANK,
) -> Identity:
    """An initialised node's directory and identity."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(broker.app())) as client:
        return await enrol(
            NodeDirectory(root),
            application(partner, kind),
            broker_url=URL,
            invitation=broker.invitation(),
            passphrase=PASSPHRASE,
            clock=clock,
            client=client,
        )


_prepared: dict[str, tuple[Identity, dict[str, bytes]]] = {}
"""Identity and files of a partner's fresh node. Every simulated broker has the same keys, so they fit all of them."""


async def prepared(root: Path, broker: BrokerSimulator, *, clock: Clock, partner: str, kind: PartnerKind) -> Identity:
    """As `enrolled`, but a partner enrols once in a run of the tests and is copied afterwards: enrolling is slow."""
    if partner not in _prepared:
        identity = await enrolled(root, broker, clock=clock, partner=partner, kind=kind)
        migrate(NodeDirectory(root).database)
        _prepared[partner] = identity, {str(path.relative_to(root)): path.read_bytes() for path in _files(root)}
    identity, files = _prepared[partner]
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    broker.cards[partner] = identity.card.envelope
    return identity


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@asynccontextmanager
async def opened(
    root: Path,
    broker: BrokerSimulator,
    identity: Identity,
    *,
    clock: Clock,
    limits: Limits | None = None,
    database: str | None = None,
) -> AsyncIterator[NodeServices]:
    """The services of an enrolled node. `database` is the address of a migrated one on PostgreSQL, else a file."""
    settings = Settings(limits=limits or Limits(), database=database)
    async with AsyncExitStack() as stack:
        stack.enter_context(inline_sqlite())
        point = EmbeddedDecisionPoint(BUNDLE, timeout=BUSY_MACHINE)  # started by its first decision
        stack.push_async_callback(point.close)
        yield await stack.enter_async_context(
            open_services(
                NodeDirectory(root),
                settings,
                identity,
                clock=clock,
                transport=httpx2.ASGITransport(broker.app()),
                workers=ThreadWorkers(),
                decision_point=point,
            )
        )


@asynccontextmanager
async def running(
    root: Path,
    broker: BrokerSimulator,
    *,
    clock: Clock,
    partner: str = "north-bank",
    kind: PartnerKind = PartnerKind.BANK,
    limits: Limits | None = None,
    database: str | None = None,
) -> AsyncIterator[SingleNode]:
    """A node from nothing: enrolled, opened, with a token."""
    identity = await prepared(root, broker, clock=clock, partner=partner, kind=kind)
    async with opened(root, broker, identity, clock=clock, limits=limits, database=database) as services:
        token = (await services.tokens.issue(*Role)).secret
        transport = httpx2.ASGITransport(create_app(services), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8441", headers=headers) as client:
            yield SingleNode(client, services, NodeDirectory(root), token)
