"""A whole federation in one process: broker, two partners' nodes, two independent witnesses, over in-process HTTP.

Everything is the real thing, with real keys, SQLite files and policies; only the sockets are missing, key files cost
little to open, SQLite is called without a thread for each connection, and the engines compute in one thread. A test may
put itself between a node and the broker (`Interceptor`), or stop and start a node.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tacita_broker.app import create_app
from tacita_broker.directory import BrokerDirectory, NewBroker
from tacita_broker.log.tables import TrustFileRow
from tacita_broker.services import Running, Services, build
from tacita_node.background import Background, background
from tacita_node.broker_link.inbox import run_inbox
from tacita_node.broker_link.witness import run_witness
from tacita_node.clock import Clock
from tacita_node.config import NodeDirectory, Settings
from tacita_node.data.imports import ImportOrder
from tacita_node.data.service import Publication
from tacita_node.enrolment import Application, enrol
from tacita_node.identity import Identity
from tacita_node.lifecycle.delivery import run_delivery
from tacita_node.matching.jobs import run_jobs
from tacita_node.matching.service import MatchService
from tacita_node.services import NodeServices, open_services
from tacita_node.trust import install_trust
from tacita_node.workers import ThreadWorkers
from tacita_policies.bundle import Bundle
from tacita_policies.decision import DecisionPoint
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_protocol.tlog.note import CosignatureSigner, NoteVerifier
from tacita_protocol.tlog.trust import federation_policy
from tacita_sdk.node_api import AgreementDraft, MatchOrder, MatchSummary, TermDraft
from tacita_sdk.witness import Witness, WitnessRunner, WitnessStore
from tacita_sdk.witness.http import WitnessHttp
from tests.support.fresh_databases import broker_database, node_database
from tests.support.inline_sqlite import inline_sqlite
from tests.support.lighter_process import cheap_key_files
from tests.support.postgresql import Databases
from tests.support.shipped_policies import BUSY_MACHINE

BUNDLE = Bundle.load()
URL = "https://broker.test:8440"
PASSPHRASE = b"correct horse battery staple"
BANK, NGO = "north-bank", "safe-harbour"
INDEPENDENT_WITNESSES = ("north-witness", "south-witness")
DEADLINE_SECONDS = 60.0
"""Far more than anything takes; a busy machine gets it."""

IBANS = (
    "GB33BUKB20201555555555",
    "DE75512108001245126199",
    "FR7630006000011234567890189",
    "NL02ABNA0123456789",
    "BE71096123456769",
    "ES7921000813610123456789",
)
"""Published example accounts."""

Send = Callable[[], Awaitable[httpx2.Response]]
Intercept = Callable[[httpx2.Request, Send], Awaitable[httpx2.Response]]


class Interceptor(httpx2.AsyncBaseTransport):
    """What lies between one node and the broker. `on` may look at, change, delay or break each exchange."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.on: Intercept | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.on is None:
            return await self._inner.handle_async_request(request)
        return await self.on(request, lambda: self._inner.handle_async_request(request))


def system_clock() -> int:
    return int(time.time())


@dataclass
class Member:
    """One partner: its directory and identity, and while it runs its services."""

    directory: NodeDirectory
    identity: Identity
    line: Interceptor
    clock: Clock = system_clock
    decision_point: DecisionPoint | None = None
    """One that is shared with other nodes; without it the node starts its own."""
    database: str | None = None
    services: NodeServices | None = None
    stopping: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def running(self) -> NodeServices:
        assert self.services is not None
        return self.services

    @property
    def matches(self) -> MatchService:
        assert self.running.matches is not None
        return self.running.matches

    async def start(self, *, jobs: bool = True, witness: bool = True) -> None:
        """Starts the node with its background tasks; without `jobs` it answers nothing by itself."""
        stack = AsyncExitStack()
        point = self.decision_point
        if point is None:
            point = EmbeddedDecisionPoint(BUNDLE, timeout=BUSY_MACHINE)  # started by its first decision
            stack.push_async_callback(point.close)
        self.services = await stack.enter_async_context(
            open_services(
                self.directory,
                Settings(workers=1, database=self.database),
                self.identity,
                clock=self.clock,
                transport=self.line,
                decision_point=point,
                workers=ThreadWorkers(),
            )
        )
        tasks: dict[str, Background] = {"witness": run_witness} if witness else {}
        if jobs:
            tasks |= {"jobs": run_jobs, "inbox": run_inbox, "delivery": run_delivery}
        await stack.enter_async_context(background(self.services, tasks))
        self.stopping = stack
        await until(lambda: not jobs or self.running.matches is not None)

    async def stop(self) -> None:
        """Stops it as a signal would. Nothing happens when it does not run."""
        await self.stopping.aclose()
        self.services = None

    async def load(
        self,
        dataset: str,
        kind: Kind,
        values: tuple[str, ...],
        *,
        publish: bool = True,
        sensitivity: Sensitivity = Sensitivity.FINANCIAL,
    ) -> None:
        """Imports values and publishes them."""
        data = ("value\n" + "\n".join(values) + "\n").encode()
        report = await self.running.datasets.import_source(data, ImportOrder(dataset, kind, "value", "GB", None))
        assert report.accepted == len(values)
        if publish:
            kinds = (PartnerKind.BANK, PartnerKind.NGO)
            await self.running.datasets.publish(dataset, Publication(sensitivity, kinds, ()))

    async def ended(self, match: str, *, closed: bool = True) -> MatchSummary:
        """The match's summary once it is over (and with `closed` its closing verified)."""

        async def over() -> bool:
            listed = {row.match: row for row in await self.matches.matches()}
            if match not in listed:
                return False
            row = listed[match]
            return row.state in ("closed", "denied", "refused", "aborted") and (row.closed or not closed)

        await until(over)
        return await self.matches.match(match)


@dataclass
class MatchFederation:
    """The federation: `bank` asks, `ngo` is asked."""

    broker: Services
    bank: Member
    ngo: Member
    witnesses: Interceptor
    """What lies between the independent witnesses and the broker."""
    witness_keys: dict[str, SigningKey]
    """Those of the independent ones, by name."""

    async def confirm(self) -> None:
        """Each confirms the other's fingerprint."""
        for member, other in ((self.bank, self.ngo), (self.ngo, self.bank)):
            await member.running.agreements.partners.confirm(other.identity.partner, other.identity.fingerprint)

    async def agree(self, *, units: int = 26_000) -> None:
        """Confirms, and signs an agreement by which the bank may ask about the NGO's accounts and count its numbers."""
        await self.confirm()
        lawful = {"purposes": ("payment-screening",), "legal_bases": ("gdpr-6-1-f",)}
        accounts = {"owner": NGO, "dataset": "accounts", "kind": "account", "result_to": ("requester", "owner", "both")}
        numbers = {"owner": NGO, "dataset": "numbers", "kind": "phone", "modes": ("intersection", "cardinality")}
        terms = tuple(TermDraft.model_validate(term | lawful) for term in (accounts, numbers))
        draft = AgreementDraft(
            with_=NGO, terms=terms, units=units, approved_by=("compliance",), their_approvers=("director",)
        )
        agreement = (await self.bank.running.agreements.propose(draft)).body.agreement

        async def arrived() -> bool:
            return agreement in {known.body.agreement for known in await self.ngo.running.agreements.agreements()}

        async def signed() -> bool:
            return (await self.bank.running.agreements.agreement(agreement)).state == "signed"

        await until(arrived)
        await self.ngo.running.agreements.sign(agreement)
        await until(signed)

    async def order(self, **changes: str) -> str:
        """The bank asks; the match's id."""
        fields = {
            "dataset": "book",
            "with_": f"{NGO}/accounts",
            "purpose": "payment-screening",
            "basis": "gdpr-6-1-f",
            "case": "2026-114",
        }
        return (await self.bank.matches.order(MatchOrder.model_validate(fields | changes))).match


@asynccontextmanager
async def loaded_federation(
    root: Path, *, agreed: bool = True, published: bool = False, databases: Databases | None = None, **limits: int
) -> AsyncIterator[MatchFederation]:
    """Bank and NGO hold four accounts each, two of them in common; with `agreed`, they have an agreement.

    The bank's own set may be tested by the owner only if it is `published`.
    """
    async with match_federation(root, databases=databases, **limits) as federation:
        await federation.bank.load("book", Kind.ACCOUNT, IBANS[:4], publish=published)
        await federation.ngo.load("accounts", Kind.ACCOUNT, IBANS[2:])
        if agreed:
            await federation.agree()
        yield federation


@asynccontextmanager
async def match_federation(
    root: Path, *, databases: Databases | None = None, **limits: int
) -> AsyncIterator[MatchFederation]:
    """Everything under `root`, enrolled, approved, with an installed trust file and both nodes running.

    `databases` are PostgreSQL's addresses, for files without them; `limits` are settings of the broker.
    """
    async with AsyncExitStack() as stack:
        for lighter in (cheap_key_files, inline_sqlite):
            stack.enter_context(lighter())
        directory = BrokerDirectory(root / "broker")
        new = NewBroker(
            "hub", "Hub", "127.0.0.1", 8440, ("broker.test:8440",), None if databases is None else databases.broker
        )
        if databases is None:
            directory.path.mkdir(mode=0o700, parents=True)
            (directory.path / "broker.db").write_bytes(await broker_database())
        settings = await directory.create(new, PASSPHRASE)
        settings = settings.model_copy(update={"denial_closing_mean_seconds": 0.2, "abort_grace_seconds": 1, **limits})
        keys = directory.keys(PASSPHRASE)
        broker = build(directory, settings, keys, EmbeddedDecisionPoint(BUNDLE, timeout=BUSY_MACHINE), system_clock)
        app = create_app(broker)
        app.state.running = await stack.enter_async_context(Running(broker))
        transport = httpx2.ASGITransport(app)
        bank = await _enrolled(root / "bank", broker, transport, BANK, PartnerKind.BANK)
        ngo = await _enrolled(root / "ngo", broker, transport, NGO, PartnerKind.NGO)
        if databases is None:
            for member in (bank, ngo):
                member.directory.database.write_bytes(node_database())
        else:
            bank.database, ngo.database = databases.bank, databases.ngo
        witnesses = Interceptor(transport)
        keys_of_witnesses = await _trust(root, broker, witnesses, (bank, ngo), stack)
        for member in (bank, ngo):
            await member.start()
            stack.push_async_callback(member.stop)
        federation = MatchFederation(broker, bank, ngo, witnesses, keys_of_witnesses)
        await until(lambda: broker.log.trust is not None)
        yield federation


async def _enrolled(
    root: Path, broker: Services, transport: httpx2.AsyncBaseTransport, partner: str, kind: PartnerKind
) -> Member:
    invitation = await broker.enrolment.invite(kind)
    application = Application(partner, partner, kind, ("GB",), partner, "desk@example.org")
    async with httpx2.AsyncClient(transport=transport) as client:
        identity = await enrol(
            NodeDirectory(root),
            application,
            broker_url=URL,
            invitation=invitation.code,
            passphrase=PASSPHRASE,
            clock=system_clock,
            client=client,
        )
    await broker.enrolment.approve(partner, identity.fingerprint)
    return Member(NodeDirectory(root), identity, Interceptor(transport))


async def _trust(
    root: Path,
    broker: Services,
    transport: httpx2.AsyncBaseTransport,
    members: tuple[Member, ...],
    stack: AsyncExitStack,
) -> dict[str, SigningKey]:
    """Issues a trust file in which two independent witnesses are enough, and runs these. Returns their keys."""
    log = NoteVerifier.from_vkey(broker.settings.log_vkey)
    client = await stack.enter_async_context(httpx2.AsyncClient(transport=transport))
    verifiers = {member.identity.partner: member.identity.witness.verifier for member in members}
    secrets = {name: SigningKey.generate() for name in INDEPENDENT_WITNESSES}
    for name, secret in secrets.items():
        signer = CosignatureSigner(name, secret)
        verifiers[name] = signer.verifier
        memory = root / name
        memory.mkdir()
        WitnessStore.create(memory)
        witness = Witness(log=log, signer=signer, memory=WitnessStore(memory))
        runner = WitnessRunner(witness, WitnessHttp(URL, client=client), clock=system_clock)
        stop = asyncio.Event()
        task = asyncio.create_task(runner.run(stop))
        stack.push_async_callback(_ended, task, stop)
    policy = federation_policy(log, verifiers, threshold=2, counting=INDEPENDENT_WITNESSES)
    async with broker.database.write() as session:
        session.add(TrustFileRow(text=policy.text, issued=system_clock()))
    for member in members:
        identity = member.identity
        install_trust(member.directory.trust, policy.text.encode(), broker=identity.broker, own=identity.card.body)
    return secrets


async def _ended(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await task


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits for a condition, for a limited time; looks less and less often, because each look costs."""
    give_up, pause = time.monotonic() + DEADLINE_SECONDS, 0.02
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert time.monotonic() < give_up, "it did not come to this in time"
        await asyncio.sleep(pause)
        pause = min(1.2 * pause, 0.1)
