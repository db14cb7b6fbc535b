"""Follows the broker's inbox: what concerns this node is dealt with in order, once, also across restarts.

The cursor moves only after an event's effect is durable. Dealing with an event twice is harmless: a match is begun
once, an agreement is what it was. An event that cannot be dealt with because the broker does not answer is tried again;
one that is nonsense is logged and passed over, so that it cannot block those behind it.
"""

import asyncio

import structlog

from tacita_node.matching.journal import MatchJournal
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import InboxEvent, InboxEventType
from tacita_protocol.errors import ProtocolError
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
IDLE_PAUSE_SECONDS = 0.05
"""Between two polls that brought nothing, so that a broker which answers at once is not hammered."""

READY_PAUSE_SECONDS = 0.05

_log = structlog.get_logger(__name__)


async def run_inbox(services: NodeServices, stop: asyncio.Event) -> None:
    """Follows the inbox until `stop`, or until it is cancelled."""
    journal = MatchJournal(services.database, services.custody, services.clock)
    cursor = await journal.cursor()
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        if services.matches is None:
            await asyncio.sleep(READY_PAUSE_SECONDS)
            continue
        try:
            inbox = await services.broker.inbox(cursor)
            for event in inbox.events:
                if event.seq <= cursor:
                    continue
                await _deal_with(services, event)
                cursor = event.seq
                await journal.move_cursor(cursor)
        except (BrokerUnreachable, BrokerProblem, ResponseUntrusted) as error:
            _log.warning("inbox-interrupted", error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            pause = FIRST_PAUSE_SECONDS
            if not inbox.events:
                await asyncio.sleep(IDLE_PAUSE_SECONDS)


async def _deal_with(services: NodeServices, event: InboxEvent) -> None:
    try:
        if event.type is InboxEventType.AGREEMENT:
            await _agreement(services, event.agreement)
        elif services.matches is not None:
            await services.matches.notify(event)
    except BrokerProblem as problem:
        if problem.status >= 500 or problem.status in (401, 429):
            raise
        _log.warning("event-passed-over", sequence=event.seq, code=problem.code)
    except (ProtocolError, ProblemError) as error:
        _log.warning("event-passed-over", sequence=event.seq, error=type(error).__name__)


async def _agreement(services: NodeServices, agreement: str | None) -> None:
    if agreement is None:
        raise RuntimeError("an event about an agreement names it")
    body = await services.broker.agreement(agreement)
    await services.agreements.received(body.envelope)
