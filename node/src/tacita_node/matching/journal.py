"""Every change of a match's state, durable when the call returns, together with its custody event.

States only go forward: an update names the states that it may come from, and a match that is already elsewhere is a
defect of the caller (`RuntimeError`). A match id is taken once and for ever; that is what makes a grant single-use.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.clock import Clock
from tacita_node.data.custody import CustodyChain
from tacita_node.matching.tables import InboxCursor, MatchRow
from tacita_node.storage import Database
from tacita_policies.questions import History
from tacita_protocol.crypto.jcs import JSONValue, canonical_json
from tacita_protocol.session import State
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Signed
from tacita_protocol.statements.vocabulary import MAX_ELEMENTS, Mode

DAY = 86_400
HISTORY_SECONDS = 30 * DAY
RUNNING = frozenset(
    {
        State.NEW,
        State.REQUESTED,
        State.AWAITING_APPROVAL,
        State.GRANTED,
        State.ACCEPTED,
        State.OPEN,
        State.CONFIRMED,
        State.MATCHING,
    }
)
"""States in which a match needs its job: after a restart it is aborted."""

_CURSOR = 1


class MatchIdTaken(Exception):
    """There is a match of this id already: its grant has been used."""


class MatchJournal:
    """The matches table, by intention. Safe for any number of tasks."""

    def __init__(self, database: Database, custody: CustodyChain, clock: Clock) -> None:
        self._database = database
        self._custody = custody
        self._clock = clock
        self.counting = asyncio.Lock()
        """Held from the question what is left of a budget to the record of what was taken from it, so that two matches
        never count on the same rest."""

    async def begin(self, row: MatchRow) -> None:
        """Adds a match. Raises `MatchIdTaken`."""
        try:
            async with self._database.write() as session:
                session.add(row)
                await session.flush()
                await self._event(session, row.match, row.role, row.state)
        except IntegrityError as error:
            raise MatchIdTaken("this match id was used before") from error

    async def advance(
        self, match: str, state: State, *, since: Iterable[State], reasons: Iterable[Reason] = (), **columns: Any
    ) -> None:
        """Moves a match to `state` from one of the states `since`, and sets `columns` with it."""
        values: dict[str, Any] = {"state": state.value, **columns}
        given = tuple(reasons)
        if given:
            values["reasons"] = encode_reasons(given)
        if state in (State.CLOSED, State.DENIED, State.REFUSED, State.ABORTED):
            values["ended"] = self._clock()
        expected = frozenset(since)
        async with self._database.write() as session:
            row = await session.get(MatchRow, match)
            if row is None or State(row.state) not in expected:
                raise RuntimeError("the match is not where this step begins")
            for name, value in values.items():
                setattr(row, name, value)
            await self._event(session, match, row.role, state.value)

    async def keep(self, match: str, **columns: Any) -> None:
        """Sets columns of a match without moving it."""
        async with self._database.write() as session:
            await session.execute(update(MatchRow).where(MatchRow.match == match).values(**columns))

    async def close(self, match: str, *, outcome: str, decision: str, closing: str, released: bool) -> None:
        """Records the verified closing, and with `released` opens the hits in the same transaction.

        A match that was denied, refused or aborted stays so; one that waited for this becomes `closed`.
        """
        async with self._database.write() as session:
            row = await session.get(MatchRow, match)
            if row is None or row.closed:
                raise RuntimeError("a match closes once")
            if row.state == State.CLOSING.value:
                row.state = State.CLOSED.value
            row.outcome, row.decision, row.closing, row.released = outcome, decision, closing, released
            row.closed = row.settled = True
            row.ended = row.ended or self._clock()
            await self._event(session, match, row.role, "closed", outcome=outcome)

    async def settle(self, match: str) -> None:
        """No closing will come: nothing more is waited for, nothing is released."""
        now = self._clock()
        async with self._database.write() as session:
            row = await session.get_one(MatchRow, match)
            row.settled, row.hits_sealed, row.ended = True, None, row.ended or now
            await self._event(session, match, row.role, "never-closed")

    async def find(self, match: str) -> MatchRow | None:
        """One match."""
        async with self._database.read() as session:
            return await session.get(MatchRow, match)

    async def newest(self, limit: int, *, after: tuple[int, str] | None = None) -> list[MatchRow]:
        """The newest `limit` matches, newest first: those that come after the one of that start and id."""
        query = select(MatchRow).order_by(MatchRow.started.desc(), MatchRow.match).limit(limit)
        if after is not None:
            started, match = after
            query = query.where(
                or_(MatchRow.started < started, and_(MatchRow.started == started, MatchRow.match > match))
            )
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def unsettled(self) -> list[MatchRow]:
        """The matches that still run or whose closing is still waited for."""
        async with self._database.read() as session:
            return list(await session.scalars(select(MatchRow).where(MatchRow.settled.is_(False))))

    async def history(self, peer: str, *, dataset: str, epoch: int) -> History:
        """What `peer` could, or may still, evaluate of this node's data: in the last 30 days, whoever asked.

        `cardinality_epoch` counts the numbers that it was given on that epoch of that own dataset, whenever.
        """
        evaluated = select(func.count(), func.coalesce(func.sum(MatchRow.units), 0)).where(
            MatchRow.peer == peer, MatchRow.units > 0
        )
        counts = evaluated.where(
            MatchRow.mode == Mode.CARDINALITY.value, MatchRow.own_dataset == dataset, MatchRow.own_epoch == epoch
        )
        async with self._database.read() as session:
            since = self._clock() - HISTORY_SECONDS
            matches, units = (await session.execute(evaluated.where(MatchRow.started >= since))).one()
            numbers, _ = (await session.execute(counts)).one()
        # As far as a policy's input can say it; what is more than that is too much in any case.
        return History(
            matches_30d=min(int(matches), MAX_ELEMENTS),
            units_30d=min(int(units), MAX_ELEMENTS),
            cardinality_epoch=min(int(numbers), MAX_ELEMENTS),
        )

    async def charged(self, agreement: str, *, days: int) -> int:
        """The units charged or reserved here under an agreement, by its digest, in the last `days` days.

        Whoever asked: what counts is that this node's set was tested.
        """
        query = select(func.coalesce(func.sum(MatchRow.units), 0)).where(
            MatchRow.agreement == agreement, MatchRow.started >= self._clock() - days * DAY
        )
        async with self._database.read() as session:
            return int((await session.execute(query)).scalar_one())

    async def has_left(self, agreement: Signed[Agreement], units: int) -> bool:
        """Whether an agreement's cap leaves so many units, with everything counted that was charged or promised here.

        Hold `counting` until they are recorded.
        """
        caps = agreement.body.caps
        return await self.charged(agreement.digest, days=caps.period_days) + units <= caps.units

    async def cursor(self) -> int:
        """The number of the last inbox event that was dealt with."""
        async with self._database.read() as session:
            row = await session.get(InboxCursor, _CURSOR)
            return 0 if row is None else row.next

    async def move_cursor(self, after: int) -> None:
        """Events up to `after` are dealt with; they are not asked for again."""
        async with self._database.write() as session:
            await session.merge(InboxCursor(id=_CURSOR, next=after))

    async def _event(self, session: AsyncSession, match: str, role: str, state: str, **more: JSONValue) -> None:
        details: dict[str, JSONValue] = {"match": match, "role": role, **more}
        await self._custody.record(f"match-{state}", details, session=session)


def encode_reasons(reasons: Iterable[Reason]) -> str:
    """Reasons as they are kept."""
    return canonical_json([reason.model_dump(mode="json") for reason in reasons]).decode("utf-8")


def decode_reasons(text: str) -> tuple[Reason, ...]:
    """Reasons as they were kept."""
    return tuple(Reason.model_validate(item) for item in json.loads(text))
