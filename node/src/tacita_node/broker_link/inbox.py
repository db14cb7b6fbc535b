"""Follows the broker's inbox: what concerns this node is dealt with in order, once, also across restarts.

1. The cursor moves only after an event's effect is durable. Dealing with an event twice is harmless: a match is begun
   once, an agreement is what it was.
2. A broker numbers one partner's events without gaps. A number that skips some is not followed: it would make this node
   miss, for good, what an honest broker says later.
3. An event that cannot be dealt with because the broker does not answer is tried again; one that is nonsense is logged
   and passed over, so that it cannot block those behind it.
4. A request that comes before a trust file is installed here waits for the file, also across a restart. Later events do
   not wait for it.
5. An event at which this node itself fails is logged as critical, recorded in the custody chain, and passed over: its
   match is not answered, its agreement not received, and those behind it go on. When not even that can be recorded, the
   node stops; but a disk that takes nothing is waited for. A revocation is never passed over: it is tried again, and
   until it has been followed no request is taken up, since it may be the asker's.
"""

import asyncio

import structlog

from tacita_node.causes import Causes, facts_of
from tacita_node.disk import takes_nothing
from tacita_node.logs import places_of
from tacita_node.matching.context import NO_TRUST
from tacita_node.matching.journal import MatchJournal
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import InboxEvent, InboxEventType
from tacita_protocol.crypto.jcs import JSONValue
from tacita_protocol.errors import ProtocolError
from tacita_sdk.broker import LONG_POLL_SECONDS
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
IDLE_PAUSE_SECONDS = 0.05
"""Between two polls that brought nothing, so that a broker which answers at once is not hammered."""

READY_PAUSE_SECONDS = 0.05

TRUST_POLL_SECONDS = 5
"""How often it is looked again while an event waits, as for a trust file."""

MAX_WAITING = 256
"""Events that wait; further ones are passed over."""

_log = structlog.get_logger(__name__)


async def run_inbox(services: NodeServices, stop: asyncio.Event) -> None:
    """Follows the inbox until `stop`, or until it is cancelled."""
    inbox = _Inbox(services)
    pause = FIRST_PAUSE_SECONDS
    causes = Causes()
    while not stop.is_set():
        if services.matches is None:
            await asyncio.sleep(READY_PAUSE_SECONDS)
            continue
        try:
            news = await inbox.follow()
        except (BrokerUnreachable, BrokerProblem, ResponseUntrusted) as error:
            causes.tell("inbox", _log.warning, "inbox-interrupted", **facts_of(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            pause = FIRST_PAUSE_SECONDS
            causes.over("inbox")
            if not news:
                await asyncio.sleep(IDLE_PAUSE_SECONDS)


class _Inbox:
    """How far the inbox was read, and how far it has been dealt with."""

    def __init__(self, services: NodeServices) -> None:
        self._services = services
        self._journal = MatchJournal(services.database, services.custody, services.clock)
        self._read: int | None = None
        self._settled: int | None = None
        """The stored cursor."""
        self._waiting: list[InboxEvent] = []
        """Events that could not be dealt with yet, in order. The stored cursor stays before the first of them."""
        self._unfollowed = False
        """There is a revocation at which this node failed."""
        self._causes = Causes()
        """By sequence number of the event that waits."""

    async def follow(self) -> bool:
        """One poll. True when there was something new. Raises what the broker client raises."""
        if self._read is None:
            self._read = self._settled = await self._journal.cursor()
        wait = TRUST_POLL_SECONDS if self._waiting else LONG_POLL_SECONDS
        inbox = await self._services.broker.inbox(self._read, wait=wait)
        self._waiting = [event for event in self._waiting if not await self._dealt_with(event)]
        await self._settle(self._read)
        for event in inbox.events:
            if event.seq <= self._read:
                continue
            if event.seq != self._read + 1:
                raise ResponseUntrusted("the broker's inbox skips events")
            if not await self._dealt_with(event) and len(self._waiting) < MAX_WAITING:
                self._waiting.append(event)
            self._read = event.seq
            await self._settle(self._read)
        return bool(inbox.events)

    async def _settle(self, read: int) -> None:
        settled = self._waiting[0].seq - 1 if self._waiting else read
        if settled != self._settled:
            await self._journal.move_cursor(settled)
            self._settled = settled

    async def _dealt_with(self, event: InboxEvent) -> bool:
        """False for an event that has to wait."""
        if self._unfollowed and event.type is InboxEventType.DECISION:
            about = {"sequence": event.seq, "match": event.match}
            self._causes.tell(event.seq, _log.warning, "request-waits-for-revocation", **about)
            return False
        try:
            dealt_with = await _deal_with(self._services, event, self._causes)
        except (BrokerProblem, BrokerUnreachable, ResponseUntrusted):
            raise
        except Exception as error:  # one event's defect must not end the others; nothing is swallowed
            if takes_nothing(error):
                raise
            await self._failed(event, error)
            dealt_with = event.type is not InboxEventType.REVOCATION
        else:
            if event.type is InboxEventType.REVOCATION:
                self._unfollowed = False
        if dealt_with:
            self._causes.over(event.seq)
        return dealt_with

    async def _failed(self, event: InboxEvent, error: Exception) -> None:
        """Logs and records an event at which this node failed; a revocation that is tried again is recorded once."""
        about = {name: value for name, value in (("match", event.match), ("agreement", event.agreement)) if value}
        self._causes.tell(
            event.seq,
            _log.critical,
            "event-failed",
            sequence=event.seq,
            step=event.type.value,
            error=type(error).__name__,
            places=places_of(error),
            **about,
        )
        if event.type is InboxEventType.REVOCATION:
            if self._unfollowed:
                return
            self._unfollowed = True
        details: dict[str, JSONValue] = {"step": event.type.value, **about}
        await self._services.custody.record("event-failed", details)


async def _deal_with(services: NodeServices, event: InboxEvent, causes: Causes) -> bool:
    """False for a request that cannot be verified before a trust file is installed."""
    try:
        if event.type is InboxEventType.AGREEMENT:
            await _agreement(services, event.agreement)
        elif event.type is InboxEventType.REVOCATION:
            await services.revocations.read_on()
            await services.recheck_matches()
        elif services.matches is not None:
            await services.matches.notify(event)
    except BrokerProblem as problem:
        if problem.status >= 500 or problem.status in (401, 429):
            raise
        _log.warning("event-passed-over", sequence=event.seq, code=problem.code)
    except ProblemError as problem:
        if problem.code == NO_TRUST:
            causes.tell(event.seq, _log.warning, "request-waits-for-trust", sequence=event.seq)
            return False
        _log.warning("event-passed-over", sequence=event.seq, code=problem.code)
    except ProtocolError as error:
        _log.warning("event-passed-over", sequence=event.seq, error=type(error).__name__)
    return True


async def _agreement(services: NodeServices, agreement: str | None) -> None:
    if agreement is None:
        raise RuntimeError("an event about an agreement names it")
    body = await services.broker.agreement(agreement)
    await services.agreements.received(body.envelope)
