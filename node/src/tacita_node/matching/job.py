"""What the two roles' jobs share: watching the match at the broker, the runs of the engine, ending with a receipt.

A job runs from the first statement to its own signed receipt. Delivering that and waiting for the closing (`closing`)
needs no keys and survives a restart. Whatever goes wrong before ends in one place, `MatchJob.run`: the session signs an
aborted receipt, which is kept together with the state and its reason.

What was found is looked at only after this side's receipt is durable and delivered, and beside the wait for the
closing: so nothing that the other side or the broker sees, and no time at which it comes, depends on the result.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.matching.driver import Drive
from tacita_node.matching.endings import DEADLINE, PEER_ENDED, BrokerDeviated, ending_of
from tacita_node.matching.journal import RUNNING, MatchJournal
from tacita_node.matching.results import ResultStore
from tacita_node.matching.runs import Progress, Runs
from tacita_node.matching.standing import Lapsed, lapsed
from tacita_node.matching.transport import MatchTransport, PeerEnded, forget_frames
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import MatchView
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.errors import ProtocolError
from tacita_protocol.psi.engine import Found
from tacita_protocol.psi.engines import engine_named
from tacita_protocol.session import MessageKind, RequesterSession, ResponderSession, State
from tacita_protocol.session.runs import evaluated
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Signed
from tacita_sdk.errors import BrokerUnreachable, SdkError

POLL_SECONDS = 5.0
"""How often a match is looked up at the broker when no event says that there is something new."""

CLOCK_SLACK_SECONDS = 5
"""What two honest clocks may differ by before a deadline counts as missed."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Signals:
    """What the inbox tells a running match."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        """Something changed: look the match up."""
        self.ended = asyncio.Event()
        """The other side, or the broker, ended it."""
        self.delivered = asyncio.Event()
        """The broker has answered to this side's last statement."""
        self.looked = asyncio.Event()
        """What was found is kept, or lost, or there was nothing to look for."""


@dataclass(frozen=True)
class JobTools:
    """What a job works with."""

    services: NodeServices
    journal: MatchJournal
    results: ResultStore
    signals: Signals
    custody: Digest
    """The salted custody head, taken before the match can have a result."""


@dataclass(frozen=True)
class Confirmed:
    """A session whose keys both sides have confirmed, with everything that its runs need.

    `obligations`: what all who decided demand. `snapshot`: the own epoch that is matched.
    """

    grant: Grant
    obligations: Obligations
    snapshot: EpochSnapshot
    session_id: bytes = field(repr=False)


class MatchJob(ABC):
    """One running match of this node.

    Args:
        session: as its role made it; nobody else touches it.
    """

    def __init__(
        self, request: Signed[MatchRequest], session: RequesterSession | ResponderSession, tools: JobTools
    ) -> None:
        self.match = request.body.match
        self.progress = Progress()
        self.over = asyncio.Event()
        """Set when `run` has returned."""
        self._request = request
        self._session = session
        self._services = tools.services
        self._journal = tools.journal
        self._results = tools.results
        self._signals = tools.signals
        self._custody = tools.custody
        self._evaluated = 0
        """Elements that the receivers of the runs that have begun could evaluate."""
        self._sent = 0
        """Those of them that were evaluated against this side's set: what is charged here."""
        self._held: tuple[Confirmed, Drive[Found]] | None = None
        """The run in which this side receives, settled and not looked at."""
        self._deadline: asyncio.Timeout | None = None
        self._late = DEADLINE
        self._ending = False
        self._transport = MatchTransport(
            self.match,
            Direction(session.role.value),
            session,
            broker=self._services.broker,
            blobs=self._services.blobs,
            clock=self._services.clock,
        )

    async def run(self) -> None:
        """Conducts the match and writes down how it ended. Raises for a defect of this node only."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                confirmed = await self._conduct()
                if confirmed is not None:
                    # What was taken back while nobody could be told of this match yet.
                    if (reason := await self.lapsed()) is not None:
                        raise Lapsed(reason)
                    await self._unless_ended(self._runs(confirmed))
        except TimeoutError:
            await self._abort(self._late)
        except Lapsed as lapse:
            await self._abort(lapse.reason)
        except PeerEnded:
            await self._abort(PEER_ENDED)
        except (ProtocolError, SdkError, ProblemError, BrokerDeviated) as error:
            reason = ending_of(error)
            _log.warning("match-failed", match=self.match, error=type(error).__name__, code=reason.code)
            await self._abort(reason)
        else:
            if confirmed is not None:
                await self._complete()
        finally:
            self._services.broker.forget_match(self.match)
            await forget_frames(self._services.blobs, self.match)
            self.over.set()

    @property
    def computes(self) -> bool:
        """Whether it runs, or has still to look what it found."""
        return not self.over.is_set() or self._session.state is State.CLOSING

    def end(self, reason: Reason) -> bool:
        """Ends the match, unless it has ended or its receipt is signed; whether it did. The first reason counts."""
        if self._session.state not in RUNNING or self._deadline is None:
            return False
        if not self._ending and not self._deadline.expired():
            self._ending, self._late = True, reason
            self._deadline.reschedule(asyncio.get_running_loop().time())
        return self._ending

    async def lapsed(self) -> Reason | None:
        """Why the match may not go on, if something that it stands on was taken back."""
        row = await self._journal.find(self.match)
        if row is None:
            raise RuntimeError("a match that runs is in the journal")
        return await lapsed(self._services, row)

    @abstractmethod
    async def _conduct(self) -> Confirmed | None:
        """The role's own way to a confirmed session. None when the match was denied or refused."""

    def _finish_before(self, unix_time: int, late: Reason = DEADLINE) -> None:
        """Ends what runs at `unix_time`, for the reason `late`."""
        if self._deadline is None:
            raise RuntimeError("a job has a deadline only while it runs")
        if self._ending:
            return
        self._late = late
        self._deadline.reschedule(self._loop_time(unix_time))

    def _loop_time(self, unix_time: int) -> float:
        left = unix_time + CLOCK_SLACK_SECONDS - self._services.clock()
        return asyncio.get_running_loop().time() + max(left, 0)

    async def _view(self, ready: Callable[[MatchView], bool]) -> MatchView:
        """The broker's view of the match, once `ready` says that it holds what is waited for."""
        while True:
            self._signals.news.clear()
            try:
                view = await self._services.broker.match(self.match)
            except BrokerUnreachable:
                view = None  # the deadline decides how long that may last
            if view is not None and ready(view):
                return view
            if view is not None and view.closing is not None:
                raise PeerEnded("the match was closed")
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._signals.news.wait()
            except TimeoutError:
                continue

    async def _unless_ended(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work`, unless the other side ends the match first."""
        task = asyncio.ensure_future(work)
        ended = asyncio.ensure_future(self._signals.ended.wait())
        try:
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise PeerEnded("the other side ended the match")
            return task.result()
        finally:
            for running in (task, ended):
                running.cancel()
            await asyncio.gather(task, ended, return_exceptions=True)

    async def _runs(self, confirmed: Confirmed) -> None:
        """Conducts every run. What was found is not looked at yet: it is held where it is."""
        runs = Runs(
            engine=engine_named(confirmed.grant.engine),
            mode=self._request.body.mode,
            session_id=confirmed.session_id,
            partitions=self._session.partitions,
            tokens=confirmed.snapshot.tokens,
            width=self._services.settings.workers,
            workers=self._services.pool,
            transport=self._transport,
        )
        own = self._session.role
        self.progress.total = sum(runs.work(run, receiver=run.receiver is own) for run in self._session.runs)
        for run in self._session.runs:
            # Charged before the first byte that the receiver could evaluate leaves; what this side sends was reserved
            # durably long before.
            units = evaluated(run, self._session.partitions)
            self._evaluated += units
            self._session.record_charge(self._evaluated)
            if run.sender is own:
                self._sent += units
                await runs.send(run, self.progress.add)
                continue
            self._held = (confirmed, await runs.receive(run, self.progress.add))

    async def _complete(self) -> None:
        """Signs this side's receipt and writes it down."""
        now = self._services.clock()
        self._session.finish(elements_charged=self._evaluated, custody=self._custody, now=now)
        receipt = self._transport.take(MessageKind.RECEIPT)
        # State and receipt in one transaction: from here on the match is complete for this side, whatever happens.
        await self._journal.advance(self.match, State.CLOSING, since=[State.MATCHING], receipt=receipt)

    async def look(self) -> None:
        """Looks what was found, once the broker has this side's receipt. The hits are released in `closing`, not here.

        When that takes longer than the match may, or fails, nothing is kept.
        """
        if self._session.state is not State.CLOSING or self._held is None:
            return
        confirmed, drive = self._held
        try:
            async with asyncio.timeout_at(self._loop_time(confirmed.grant.finish_before)):
                await self._signals.delivered.wait()
            found = await drive.finish()
            sealed = await self._results.keep(self.match, confirmed.snapshot, found, confirmed.obligations)
            await self._journal.keep(self.match, hits_sealed=sealed)
        except (TimeoutError, ProtocolError, ProblemError) as error:
            _log.error("result-lost", match=self.match, error=type(error).__name__)

    async def _abort(self, reason: Reason) -> None:
        self._session.abort(now=self._services.clock())
        await self._results.discard(self.match)
        receipt = self._transport.take(MessageKind.RECEIPT)
        if self._session.receipt is not None and self._session.receipt.body.grant is None:
            receipt = None  # a receipt refers to a grant; if one turns up after all, `closing` signs it
        await self._journal.advance(
            self.match,
            State.ABORTED,
            since=RUNNING,
            reasons=[reason],
            receipt=receipt,
            hits_sealed=None,
            units=self._sent,
        )
