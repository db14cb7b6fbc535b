"""A real federation that a state machine can play with: broker, witnesses and any number of nodes in one process.

As `match_federation`, but partners come and go, the broker can crash, and messages of a match can be caught. Between
two calls of `run` nothing moves: the event loop stands still.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2
from sqlalchemy import func, select

from tacita_broker.app import create_app
from tacita_broker.directory import BrokerDirectory, NewBroker
from tacita_broker.log.tables import LogEntryRow, TrustFileRow
from tacita_broker.matches.tables import MatchRow as BrokerMatchRow
from tacita_broker.services import Running, Services, build
from tacita_node.config import NodeDirectory, Settings
from tacita_node.enrolment import Application, enrol
from tacita_node.lifecycle.rotation import Rotation
from tacita_node.trust import install_trust
from tacita_policies.bundle import Bundle
from tacita_policies.decision import Decision, Entrypoint, Permission
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.questions import MatchInput, PermitInput
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.note import CosignatureSigner, NoteVerifier
from tacita_protocol.tlog.trust import TrustPolicy, federation_policy
from tacita_sdk.witness import Witness, WitnessRunner, WitnessStore
from tacita_sdk.witness.http import WitnessHttp
from tests.support.inline_sqlite import inline_sqlite
from tests.support.lighter_process import cheap_key_files, rare_collections
from tests.support.match_federation import (
    INDEPENDENT_WITNESSES,
    PASSPHRASE,
    URL,
    Interceptor,
    Member,
    Send,
    until,
)

R = TypeVar("R")

FAST = {
    "denial_closing_mean_seconds": 0,
    "abort_grace_seconds": 5,
    "log_batch_seconds": 0.002,
    "public_per_second": 1e6,
    "signed_per_second": 1e6,
}
"""Settings of the broker that only make it wait less."""


class Lent:
    """A decision point that is used by several nodes and the broker, none of which may start or close it."""

    def __init__(self, owned: EmbeddedDecisionPoint) -> None:
        self._owned = owned

    @property
    def digest(self) -> Digest:
        return self._owned.digest

    async def start(self) -> None: ...

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002 - OPA's own term
        return await self._owned.decide(entrypoint, input)

    async def permit(self, entrypoint: Entrypoint, input: PermitInput) -> Permission:  # noqa: A002 - OPA's own term
        return await self._owned.permit(entrypoint, input)

    async def permit_each(self, entrypoint: Entrypoint, inputs: Sequence[PermitInput]) -> tuple[Permission, ...]:
        return await self._owned.permit_each(entrypoint, inputs)

    async def close(self) -> None: ...


class BrokerLine(httpx2.AsyncBaseTransport):
    """The way to a broker that may be away. What is under way when it goes away breaks off."""

    def __init__(self) -> None:
        self._broker: httpx2.ASGITransport | None = None
        self._gone = asyncio.Event()

    def connect(self, broker: httpx2.ASGITransport) -> None:
        self._broker, self._gone = broker, asyncio.Event()

    def break_off(self) -> None:
        self._broker = None
        self._gone.set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._broker is None:
            raise httpx2.ConnectError("the broker is away", request=request)
        answering = asyncio.ensure_future(self._broker.handle_async_request(request))
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise httpx2.ReadError("the broker went away", request=request)
            return answering.result()
        finally:
            answering.cancel()
            gone.cancel()


@dataclass
class Trap:
    """Catches one message that a member sends, before or `after` it has arrived, until it is released as lost."""

    caught: Callable[[httpx2.Request], bool]
    after: bool
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: httpx2.Request, send: Send) -> httpx2.Response:
        if self.sprung.is_set() or not self.caught(request):
            return await send()
        self.sprung.set()
        if self.after:
            await send()
        await self.released.wait()
        raise httpx2.ReadError("lost on the way", request=request)


class World:
    """The federation. `run` lets it move until a coroutine is done."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._later = 0
        self._partners = 0
        self.line = BrokerLine()

    def __enter__(self) -> Self:
        self._process = ExitStack()
        for lighter in (inline_sqlite, cheap_key_files, rare_collections):
            self._process.enter_context(lighter())
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.root = Path(self._folder.name)
        self._runner.__enter__()
        self.run(self._begin())
        return self

    def __exit__(self, *_exception: object) -> None:
        self.run(self._end())
        self._runner.__exit__(None, None, None)
        self._folder.cleanup()
        self._process.close()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Does `work`; meanwhile everybody else goes on too."""
        return self._runner.run(work)

    def clock(self) -> int:
        """Unix seconds: this machine's, and a little later from step to step."""
        return int(time.time()) + self._later

    def pass_a_second(self) -> None:
        """What is done next is later than what was done before, also in whole seconds."""
        self._later += 1

    async def new_partner(self, kind: PartnerKind) -> Member:
        """Enrols a partner that nobody has heard of, has it approved, and starts its node."""
        self._partners += 1
        name = f"{kind.value}-{self._partners}"
        invitation = await self.broker.enrolment.invite(kind)
        application = Application(name, name, kind, ("GB",), name, "desk@example.org")
        directory = NodeDirectory(self.root / name)
        async with httpx2.AsyncClient(transport=self.line) as client:
            identity = await enrol(
                directory,
                application,
                broker_url=URL,
                invitation=invitation.code,
                passphrase=PASSPHRASE,
                clock=self.clock,
                client=client,
            )
        await self.broker.enrolment.approve(name, identity.fingerprint)
        install_trust(directory.trust, self.trust.text.encode(), broker=identity.broker, own=identity.card.body)
        member = Member(directory, identity, Interceptor(self.line), clock=self.clock, decision_point=self._point)
        await member.start(witness=False)
        return member

    async def restart(self, member: Member) -> None:
        """A node crashes and starts again."""
        await member.stop()
        await member.start(witness=False)

    async def restart_broker(self) -> None:
        """The broker crashes and starts again, from its directory."""
        self.line.break_off()
        await self._running.__aexit__(None, None, None)
        await self._start_broker()

    async def rotate(self, member: Member) -> None:
        """Replaces a node's keys, while it does not run."""
        await member.stop()
        rotation = Rotation(
            member.directory,
            Settings(workers=1),
            PASSPHRASE,
            clock=self.clock,
            transport=self.line,
            decision_point=self._point,
        )
        member.identity = await rotation.rotate()
        await member.start(witness=False)

    async def logged(self, match: str) -> tuple[str | None, int]:
        """A match's state at the broker, None when it never heard of it; and how many entries the log has of it."""
        entries = select(LogEntryRow.position).where(
            LogEntryRow.reference.in_([f"opening:{match}", f"closing:{match}"])
        )
        async with self.broker.database.read() as session:
            row = await session.get(BrokerMatchRow, match)
            positions = [position for position in await session.scalars(entries) if position is not None]
        return None if row is None else row.state, len(positions)

    async def granted(self, match: str) -> bool:
        """Whether the broker granted a match."""
        async with self.broker.database.read() as session:
            row = await session.get(BrokerMatchRow, match)
        return row is not None and row.granted is True

    async def everything_is_logged(self) -> bool:
        """Whether no entry waits for its place in the log, and the published checkpoint holds them all."""
        waiting = select(LogEntryRow.reference).where(LogEntryRow.position.is_(None)).limit(1)
        placed = select(func.count()).select_from(LogEntryRow).where(LogEntryRow.position.is_not(None))
        async with self.broker.database.read() as session:
            if (await session.execute(waiting)).first() is not None:
                return False
            size = (await session.execute(placed)).scalar_one()
        _, published, *_ = (self.root / "broker" / "log" / "checkpoint").read_text().splitlines()
        return int(published) == size  # a place is given before the files are written

    # --- its beginning and its end ------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._owned = EmbeddedDecisionPoint(Bundle.load(), timeout=60)  # on a busy machine too, a no is the rules' no
        await self._owned.start()
        self._stack.push_async_callback(self._owned.close)
        self._point = Lent(self._owned)
        self._directory = BrokerDirectory(self.root / "broker")
        new = NewBroker("hub", "Hub", "127.0.0.1", 8440, ("broker.test:8440",), None)
        self._settings = (await self._directory.create(new, PASSPHRASE)).model_copy(update=FAST)
        self._keys = self._directory.keys(PASSPHRASE)
        await self._start_broker()
        self._stack.push_async_callback(lambda: self._running.__aexit__(None, None, None))
        await self._issue_trust()

    async def _end(self) -> None:
        await self._stack.aclose()

    async def _start_broker(self) -> None:
        self.broker: Services = build(self._directory, self._settings, self._keys, self._point, self.clock)
        app = create_app(self.broker)
        self._running = Running(self.broker)
        app.state.running = await self._running.__aenter__()
        self.line.connect(httpx2.ASGITransport(app))

    async def _issue_trust(self) -> None:
        log = NoteVerifier.from_vkey(self.broker.settings.log_vkey)
        client = await self._stack.enter_async_context(httpx2.AsyncClient(transport=self.line))
        verifiers = {}
        for name in INDEPENDENT_WITNESSES:
            signer = CosignatureSigner(name, SigningKey.generate())
            verifiers[name] = signer.verifier
            memory = self.root / name
            memory.mkdir()
            WitnessStore.create(memory)
            witness = Witness(log=log, signer=signer, memory=WitnessStore(memory))
            stop = asyncio.Event()
            runner = WitnessRunner(witness, WitnessHttp(URL, client=client), clock=self.clock)
            task = asyncio.create_task(runner.run(stop))
            self._stack.push_async_callback(_ended, task, stop)
        self.trust: TrustPolicy = federation_policy(log, verifiers, threshold=2, counting=INDEPENDENT_WITNESSES)
        async with self.broker.database.write() as session:
            session.add(TrustFileRow(text=self.trust.text, issued=self.clock()))
        await until(lambda: self.broker.log.trust is not None)


async def _ended(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await task


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 120.0) -> None:
    """Waits for a condition, for a limited time; looks less and less often, because each look costs."""
    give_up, pause = time.monotonic() + seconds, 0.02
    while not await condition():
        assert time.monotonic() < give_up, f"it did not come to this in time: {what}"
        await asyncio.sleep(pause := min(1.5 * pause, 0.4))
