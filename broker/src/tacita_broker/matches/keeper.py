"""What the broker does with matches by itself. All of it starts from the database, so a restart forgets nothing, and
what a full disk prevents is done at a later tick.

promised, not decided                  -> decide, hand the opening entry to the log
opening proved                         -> show the decision: granted or denied
granted, start_before passed           -> close (incomplete)
accepted or open, deadline passed      -> close with the receipts that are in
denied, its random delay passed        -> close
closing                                -> forget the frames
closing proved                         -> show it: closed
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy import Select, bindparam, exists, literal, select
from sqlalchemy.sql.elements import ColumnElement

from tacita_broker.access.bearer_key import BearerKey
from tacita_broker.access.nonces import forget_expired
from tacita_broker.bell import Bell
from tacita_broker.config import Limits
from tacita_broker.disk import Patient
from tacita_broker.inbox.service import InboxService
from tacita_broker.log.service import PROVED, QUEUED, LogService
from tacita_broker.log.tables import LogEntryRow
from tacita_broker.matches.closing import CLOSED, Closing
from tacita_broker.matches.decision import DecisionMaker
from tacita_broker.matches.tables import CLOSING, OPENING, MatchRow, closing_reference, opening_reference
from tacita_broker.relay.service import RelayService
from tacita_broker.relay.tables import FrameRow
from tacita_broker.storage import Database
from tacita_protocol.api import InboxEventType, LoggedClosing, LoggedDecision, MatchState, Receipts
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.crypto.randomness import random_exponential_seconds
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.statement import verify_statement
from tacita_protocol.tlog.entry import LoggedEntry
from tacita_protocol.tlog.proof import LogProof

REQUESTED = "matches-requested"
"""Rung when there is something to decide."""
TICK_SECONDS = 0.5
"""How late a deadline may be noticed."""
CLEARING_SECONDS = 60
"""How often used nonces are looked through for those that may be forgotten."""
BATCH = 64


class Keeper:
    """Moves matches on."""

    def __init__(
        self,
        database: Database,
        decisions: DecisionMaker,
        closing: Closing,
        log: LogService,
        relay: RelayService,
        inbox: InboxService,
        limits: Limits,
        broker_key: VerifyKey,
        clock: Callable[[], int],
        bell: Bell,
        bearer_key: BearerKey,
    ) -> None:
        self._database = database
        self._decisions = decisions
        self._closing = closing
        self._log = log
        self._relay = relay
        self._inbox = inbox
        self._limits = limits
        self._broker_key = broker_key
        self._clock = clock
        self._bell = bell
        self._bearer_key = bearer_key
        self.cleared = 0
        """When nonces were last forgotten, in unix seconds."""

    async def run(self) -> None:
        """Until the bell stops: everything but deciding."""
        patient = Patient("matches")
        while not self._bell.stopping:
            with self._bell.listen(PROVED, CLOSED) as listener:
                await patient.done(self._tick)
                await listener.heard(TICK_SECONDS)

    async def run_decisions(self) -> None:
        """Until the bell stops. One decision after the other, in the order in which the requests came: each counts in
        the history of the next. A loop of its own, because a policy that hangs takes its time.
        """
        patient = Patient("decisions")
        while not self._bell.stopping:
            with self._bell.listen(REQUESTED) as listener:
                await patient.done(self._decide_all)
                await listener.heard(TICK_SECONDS)

    async def _decide_all(self) -> None:
        async with self._database.read() as session:
            undecided = (await session.scalars(_UNDECIDED)).all()
        await self._each(undecided, self._decide)

    async def _tick(self) -> None:
        now = self._clock()
        self._bearer_key.at(now)  # so that it notices a clock that is set back
        steps = (
            (self._show_opening, _UNSEEN_OPENING),
            (self._close_overdue, _OVERDUE),
            (self._relay.forget, _CLOSING_WITH_FRAMES),
            (self._show_closing, _UNSEEN_CLOSING),
        )
        async with self._database.read() as session:  # one look for all: a tick is frequent, and mostly finds nothing
            due = [(act, (await session.scalars(which, {"now": now})).all()) for act, which in steps]
        for act, matches in due:
            await self._each(matches, act)
        if abs(now - self.cleared) >= CLEARING_SECONDS:  # a clock may be set back
            async with self._database.write() as session:
                await forget_expired(session, now)
            self.cleared = now

    async def _each(self, matches: Sequence[str], act: Callable[[str], Awaitable[None]]) -> None:
        for match in matches:
            if self._bell.stopping:
                return
            await act(match)

    async def _decide(self, match: str) -> None:
        await self._decisions.decide(match)
        self._bell.ring(QUEUED)

    async def _show_opening(self, match: str) -> None:
        proved = await self._log.proved(opening_reference(match))
        if proved is None:
            return
        now = self._clock()
        async with self._database.write() as session:
            row = await session.get_one(MatchRow, match)
            if row.opening is not None or row.decision is None:
                return
            logged = _logged(proved, row.opening_disclosures)
            row.opening = LoggedDecision(decision=row.decision, logged=logged).model_dump_json()
            told = [row.requester]
            if row.granted:
                row.state = MatchState.GRANTED.value
                row.deadline = verify_statement(Grant, row.decision, self._broker_key).body.start_before
                told.append(row.responder)
            else:
                row.state = MatchState.DENIED.value
                delay = random_exponential_seconds(self._limits.denial_closing_mean_seconds)
                row.deadline = now + int(min(delay, self._limits.denial_closing_max_seconds))
            for partner in told:
                await self._inbox.post(session, partner, InboxEventType.DECISION, match=match, now=now)
        self._inbox.ring(*told)
        if not row.granted:
            await self._close_overdue(match)  # its delay may be none

    async def _close_overdue(self, match: str) -> None:
        async with self._database.write() as session:
            row = await session.get_one(MatchRow, match)
            if row.deadline is None or row.deadline > self._clock():
                return
            await self._closing.close(session, row)
        self._closing.announce(match)

    async def _show_closing(self, match: str) -> None:
        proved = await self._log.proved(closing_reference(match))
        if proved is None:
            return
        # Once more, and for every match: a crash may have left the bytes of a frame that no row tells of.
        await self._relay.forget(match)
        async with self._database.write() as session:
            row = await session.get_one(MatchRow, match)
            if row.closing is not None:
                return
            logged = _logged(proved, row.closing_disclosures)
            receipts = Receipts(requester=row.requester_receipt, responder=row.responder_receipt)
            row.closing = LoggedClosing(logged=logged, receipts=receipts, refusal=row.refusal).model_dump_json()
            row.state = MatchState.CLOSED.value
            told = [row.requester, row.responder] if row.granted else [row.requester]
            for partner in told:
                await self._inbox.post(session, partner, InboxEventType.CLOSING, match=match, now=self._clock())
        self._inbox.ring(*told)


def _oldest(*which: ColumnElement[bool]) -> Select[str]:
    return select(MatchRow.match).where(*which).order_by(MatchRow.received).limit(BATCH)


def _proved(prefix: str) -> ColumnElement[bool]:
    """The match's entry with this reference has its proof. Without one a match waits, and holds up no other."""
    entry = LogEntryRow.reference == literal(prefix).concat(MatchRow.match)
    return exists().where(entry, LogEntryRow.proof_size.is_not(None))


_REQUESTED = MatchRow.state == MatchState.REQUESTED.value
_CLOSING = MatchRow.state == MatchState.CLOSING.value
_WITH_DEADLINE = MatchRow.state.in_(
    [state.value for state in (MatchState.GRANTED, MatchState.DENIED, MatchState.ACCEPTED, MatchState.OPEN)]
)
_UNDECIDED: Final = _oldest(_REQUESTED, MatchRow.decision.is_(None))
_UNSEEN_OPENING: Final = _oldest(_REQUESTED, _proved(OPENING))
_OVERDUE: Final = _oldest(_WITH_DEADLINE, MatchRow.deadline <= bindparam("now"))
_CLOSING_WITH_FRAMES: Final = _oldest(_CLOSING, exists().where(FrameRow.match == MatchRow.match))
_UNSEEN_CLOSING: Final = _oldest(_CLOSING, _proved(CLOSING))


def _logged(proved: tuple[bytes, LogProof], disclosures: str | None) -> LoggedEntry:
    """A match's entry as its parties see it."""
    entry, proof = proved
    return LoggedEntry(entry=b64u(entry), disclosures=tuple(json.loads(disclosures or "[]")), proof=proof.encode())
