"""A broker in this process: real app over an in-process transport, real database, real files, two real witnesses.

    async with broker_at(tmp_path) as harness:
        bank = await harness.partner("first-bank", PartnerKind.BANK)
        ngo = await harness.partner("safe-harbour", PartnerKind.NGO)
        await harness.issue_trust()
        answer = await bank.get("/v1/catalogue")

The policy is a double with a verdict that the test sets (the real one takes a process of its own); everything else is
what runs in production. `harness.restart()` stops the broker as a crash would and starts it from its directory.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx2
from sqlalchemy import create_engine, func, inspect, select, table

from tacita_broker.administration import issue_trust
from tacita_broker.app import create_app
from tacita_broker.directory import BrokerDirectory, BrokerKeys, NewBroker
from tacita_broker.log.service import PINNED
from tacita_broker.log.tables import TrustFileRow
from tacita_broker.services import Running, Services, build
from tacita_broker.storage import parse_url
from tacita_policies.decision import NOTHING, Decision, Entrypoint, Permission
from tacita_policies.questions import DiscoverInput, MatchInput, PermitInput
from tacita_protocol.api import EnrolRequest
from tacita_protocol.crypto.digest import Digest, digest_of
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.vocabulary import Mode, PartnerKind, ResultTo
from tacita_protocol.tlog.note import NoteVerifier
from tacita_protocol.tlog.trust import TrustPolicy, federation_policy
from tests.support.broker_partner import Partner, card_of
from tests.support.fresh_databases import broker_database
from tests.support.harness_witness import HarnessWitness
from tests.support.inline_sqlite import inline_sqlite
from tests.support.lighter_process import cheap_key_files

T = TypeVar("T")

AUTHORITY = "broker.test"
URL = f"http://{AUTHORITY}"
PASSPHRASE = b"correct horse battery staple"
WITNESSES = ("witness-one", "witness-two")
WITNESSED = ("log_checkpoints", "log_cosignatures", "log_stage")
ASK_AGAIN_SECONDS = 0.25
"""How long a witness of the harness relies on the bell."""
PATIENCE_SECONDS = 60.0
"""Far more than anything takes; a busy machine gets it."""

OBLIGATIONS = Obligations(
    modes=(Mode.INTERSECTION,),
    engines=("ecdh",),
    result_to=(ResultTo.REQUESTER,),
    max_elements=26_008,
    suppress_below=0,
    round_to=1,
    labels=(),
    approvals=(),
    retention_days=30,
    expires_in=3600,
)
ALLOW = Decision(allow=True, reasons=(), obligations=OBLIGATIONS)
ALLOWED = Permission(allow=True, reasons=())
DENY = Decision(
    allow=False,
    reasons=(Reason(code="not-eligible", message="This partner may not ask about this dataset."),),
    obligations=NOTHING,
)

POLICY_DIGEST = digest_of(b"a policy bundle")

FAST: dict[str, object] = {
    "log_batch_seconds": 0.002,
    "log_poll_seconds": 0.1,
    "denial_closing_mean_seconds": 0.0,
    "public_burst": 1_000_000,  # the harness's witnesses may ask more often than real ones
}
"""Settings that make a test quick and change nothing that it looks at."""


@dataclass
class HostClock:
    """The host's time, moved by a test."""

    offset: int = 0
    stopped: int | None = None
    """The time at which it stands still, where a second that passes in between would decide."""

    def __call__(self) -> int:
        return (int(time.time()) if self.stopped is None else self.stopped) + self.offset


@dataclass
class ScriptedPolicy:
    """A decision point that answers as it is told."""

    verdict: Decision = ALLOW
    asked: list[MatchInput] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """Names of datasets that the federation shows to nobody but their owner."""
    digest: Digest = POLICY_DIGEST

    async def start(self) -> None:
        """Nothing to start."""

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002 - the interface's word
        """The verdict that the test set."""
        assert entrypoint is Entrypoint.BROKER_MATCH
        self.asked.append(input)
        return self.verdict

    async def permit(self, entrypoint: Entrypoint, input: PermitInput) -> Permission:  # noqa: A002 - the interface's word
        """A dataset is visible to its owner and to the kinds on its card, unless it is `hidden`."""
        assert entrypoint is Entrypoint.BROKER_DISCOVER
        assert isinstance(input, DiscoverInput)
        shown = input.asker.kind in input.dataset.discoverable_by and input.dataset.name not in self.hidden
        allowed = shown or input.asker.partner == input.owner.partner
        return ALLOWED if allowed else Permission(allow=False, reasons=DENY.reasons)

    async def permit_each(self, entrypoint: Entrypoint, inputs: Sequence[PermitInput]) -> tuple[Permission, ...]:
        """The same for each."""
        return tuple([await self.permit(entrypoint, asked) for asked in inputs])

    async def close(self) -> None:
        """Nothing to stop."""


class BrokerHarness:
    """A running broker with what a test needs around it."""

    def __init__(
        self,
        root: Path,
        clock: HostClock,
        policy: ScriptedPolicy,
        changes: dict[str, object],
        database: str | None = None,
    ) -> None:
        self.database = database
        self.directory = BrokerDirectory(root / "broker")
        self.clock = clock
        self.policy = policy
        self.changes = changes
        self.witnesses: list[HarnessWitness] = []
        self.trust: TrustPolicy | None = None
        self.partners: dict[str, Partner] = {}
        self._stack: AsyncExitStack | None = None
        self._keys: BrokerKeys | None = None
        self._witnessing: list[asyncio.Task[None]] = []
        self._witnesses_stop = asyncio.Event()

    async def start(self) -> None:
        """Start the broker from its directory."""
        settings = self.directory.settings().model_copy(update=self.changes)
        if self._keys is None:
            self._keys = self.directory.keys(PASSPHRASE)
        self.services: Services = build(self.directory, settings, self._keys, self.policy, self.clock)
        self._stack = AsyncExitStack()
        self.running = await self._stack.enter_async_context(Running(self.services))
        self.app = create_app(self.services)
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = await self._stack.enter_async_context(
            httpx2.AsyncClient(transport=transport, base_url=URL, timeout=30)
        )
        for partner in self.partners.values():
            partner.client = self.client
            partner.forget_tokens()
        if not self.witnesses:
            log = NoteVerifier.from_vkey(settings.log_vkey)
            self.witnesses = [HarnessWitness(name, log) for name in WITNESSES]

    async def stop(self) -> None:
        """Stop witnesses and broker."""
        try:
            await self.stop_witnesses()
        finally:
            if self._stack is not None:
                self.services.bell.stop()
                await self._stack.aclose()
                self._stack = None

    async def restart(self) -> None:
        """Stop the broker and start it again, with its witnesses if they were running."""
        witnessing = bool(self._witnessing)
        await self.stop()
        await self.start()
        if witnessing:
            self.start_witnesses()

    async def partner(self, name: str, kind: PartnerKind, *, approve: bool = True) -> Partner:
        """Invite, enrol and approve a partner."""
        partner = Partner.new(name, self.client, self.clock, self.directory.settings())
        invitation = await self.services.enrolment.invite(kind)
        card = card_of(partner, kind)
        answer = await partner.post("/v1/enrolments", EnrolRequest(invitation=invitation.code, card=card.envelope))
        assert answer.status_code == 201, answer.text
        if approve:
            await self.services.enrolment.approve(name, fingerprint(card))
        self.partners[name] = partner
        return partner

    async def issue_trust(
        self, *, witnesses: Sequence[str] = (), at_work: bool = True, any_two: bool = False
    ) -> TrustPolicy:
        """Issue a trust file of the two independent witnesses and these partners; `at_work`: the former poll.

        Both independent ones make the quorum. With `any_two`, any two witnesses do: a file that no broker issues any
        more, because its quorums need not overlap, but that must not let a match's parties prove their own match.
        """
        verifiers = {witness.signer.name: witness.signer.verifier for witness in self.witnesses}
        for name in witnesses:
            verifiers[name] = self.partners[name].cosigner.verifier
        log = NoteVerifier.from_vkey(self.services.settings.log_vkey)
        independent = [witness.signer.name for witness in self.witnesses]
        self.trust = federation_policy(log, verifiers, threshold=2, counting=None if any_two else independent)
        if any_two:
            async with self.services.database.write() as session:
                session.add(TrustFileRow(text=self.trust.text, issued=self.clock()))
        else:
            file = self.directory.path / "issued"
            file.write_text(self.trust.text)
            await issue_trust(self.directory.path, file, replace=False)
        await eventually(lambda: self.services.log.trust)
        if at_work:
            self.start_witnesses()
        return self.trust

    def start_witnesses(self) -> None:
        """Let the independent witnesses poll in the background."""
        self._witnesses_stop = asyncio.Event()

        async def work(witness: HarnessWitness, stop: asyncio.Event) -> None:
            while not stop.is_set():
                with self.services.bell.listen(PINNED) as listener:
                    if not await witness.poll(self.client, self.clock) and not await listener.heard(ASK_AGAIN_SECONDS):
                        await asyncio.sleep(0.03)  # the broker is stopping, and nobody waits for its bell any more

        self._witnessing = [asyncio.create_task(work(witness, self._witnesses_stop)) for witness in self.witnesses]

    async def stop_witnesses(self, *, failing: bool = False) -> None:
        """Nobody cosigns any more. Never by cancelling: that would tear the broker's handler in this process apart.

        `failing`: the broker may have failed, and answered them with an error.
        """
        tasks, self._witnessing = self._witnessing, []
        self._witnesses_stop.set()
        self.services.bell.ring(PINNED)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors and not failing:
            raise errors[0]

    def row_counts(self, *ignored: str) -> dict[str, int]:
        """How many rows each table has: what a refused request must not change. Witnesses' work is left out."""
        engine = create_engine(parse_url(self.services.settings.database).set(drivername=self._driver))
        try:
            with engine.connect() as connection:
                names = [name for name in inspect(connection).get_table_names() if name not in (*WITNESSED, *ignored)]
                counted = {name: select(func.count()).select_from(table(name)) for name in names}
                return {name: connection.execute(count).scalar_one() for name, count in counted.items()}
        finally:
            engine.dispose()

    @property
    def _driver(self) -> str:
        """Of the same database, for reading it from outside."""
        return "sqlite" if self.database is None else "postgresql+psycopg"


@asynccontextmanager
async def broker_at(
    root: Path,
    *,
    policy: ScriptedPolicy | None = None,
    clock: HostClock | None = None,
    database: str | None = None,
    **changes: object,
) -> AsyncIterator[BrokerHarness]:
    """Make a broker below `root` and run it. `changes` go into its settings, as `config.Settings` names them.

    `database` is the address of a PostgreSQL database; without one it is a file.
    """
    harness = BrokerHarness(root, clock or HostClock(), policy or ScriptedPolicy(), {**FAST, **changes}, database)
    harness.directory.path.mkdir()
    if database is None:
        (harness.directory.path / "broker.db").write_bytes(await broker_database())
    new = NewBroker("test-broker", "Test broker", "127.0.0.1", 8440, (AUTHORITY,), database)
    with cheap_key_files(), inline_sqlite():
        await harness.directory.create(new, PASSPHRASE)
        await harness.start()
        try:
            yield harness
        finally:
            await harness.stop()


async def eventually(look: Callable[[], T | None]) -> T:
    """What `look` finds, within `PATIENCE_SECONDS`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)
