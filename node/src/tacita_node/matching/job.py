"""What the two roles' jobs share: watching the match at the broker, running the engine, ending with a receipt.

A job runs from the first statement to its own signed receipt. Delivering that and waiting for the closing (`closing`)
needs no keys and survives a restart. Whatever goes wrong before ends in one place, `MatchJob.run`: the session signs an
aborted receipt, which is kept together with the state and its reason.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from tacita_node.matching.endings import DEADLINE, PEER_ENDED, ending_of
from tacita_node.matching.journal import RUNNING, MatchJournal
from tacita_node.matching.results import ResultStore
from tacita_node.matching.transport import MatchTransport, PeerEnded, forget_frames
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import MatchView
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.errors import ProtocolError
from tacita_protocol.psi.engine import Engine, RunParameters
from tacita_protocol.psi.engines import engine_named
from tacita_protocol.session import MessageKind, RequesterSession, ResponderSession, State
from tacita_protocol.statements.grant import Grant
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


@dataclass(frozen=True)
class JobTools:
    """What a job works with."""

    services: NodeServices
    journal: MatchJournal
    results: ResultStore
    signals: Signals
    custody: Digest
    """The salted custody head, taken before the match can have a result."""


class MatchJob(ABC):
    """One running match of this node.

    Args:
        direction: whose frames this side sends.
        session: as its role made it; nobody else touches it.
    """

    def __init__(
        self, match: str, direction: Direction, session: RequesterSession | ResponderSession, tools: JobTools
    ) -> None:
        self.match = match
        self._session = session
        self._services = tools.services
        self._journal = tools.journal
        self._results = tools.results
        self._signals = tools.signals
        self._custody = tools.custody
        self._charged = 0
        """Elements that the receiver could evaluate so far."""
        self._deadline: asyncio.Timeout | None = None
        self._late = DEADLINE
        self._transport = MatchTransport(
            match,
            direction,
            session,
            broker=self._services.broker,
            blobs=self._services.blobs,
            journal=self._journal,
            clock=self._services.clock,
        )

    async def run(self) -> None:
        """Conducts the match and writes down how it ended. Raises for a defect of this node only."""
        try:
            async with asyncio.timeout(None) as self._deadline:
                charged = await self._conduct()
        except TimeoutError:
            await self._abort(self._late)
        except PeerEnded:
            await self._abort(PEER_ENDED)
        except (ProtocolError, SdkError, ProblemError) as error:
            _log.warning("match-failed", match=self.match, error=type(error).__name__)
            await self._abort(ending_of(error))
        else:
            if charged is not None:
                await self._complete(charged)
        finally:
            self._services.broker.forget_match(self.match)
            await forget_frames(self._services.blobs, self.match)

    @abstractmethod
    async def _conduct(self) -> int | None:
        """The role's own way through the match: the elements charged, or None when it was denied or refused."""

    def _finish_before(self, unix_time: int, late: Reason = DEADLINE) -> None:
        """Ends what runs in `_conduct` at `unix_time`, for the reason `late`."""
        if self._deadline is None:
            raise RuntimeError("a job has a deadline only while it runs")
        self._late = late
        left = unix_time + CLOCK_SLACK_SECONDS - self._services.clock()
        self._deadline.reschedule(asyncio.get_running_loop().time() + max(left, 0))

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

    def _engine(self, grant: Signed[Grant], session_id: bytes) -> tuple[Engine, RunParameters]:
        parameters = RunParameters(
            session_id=session_id,
            run=0,
            partition=0,
            receiver_count=grant.body.requester_count,
            sender_count=grant.body.responder_count,
            chunks=self._services.settings.workers,
        )
        return engine_named(grant.body.engine), parameters

    async def _complete(self, charged: int) -> None:
        now = self._services.clock()
        self._session.finish(elements_charged=charged, custody=self._custody, now=now)
        receipt = self._transport.take(MessageKind.RECEIPT)
        # State and receipt in one transaction: from here on the match is complete for this side, whatever happens.
        await self._journal.advance(self.match, State.CLOSING, since=[State.MATCHING], receipt=receipt)

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
            units=self._charged,
        )
