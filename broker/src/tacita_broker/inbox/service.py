"""Posting and reading inbox events."""

from typing import Final

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.access.holder import Holder, require_holder
from tacita_broker.bell import Bell
from tacita_broker.config import Limits
from tacita_broker.inbox.tables import InboxRow
from tacita_broker.storage import WHOLE, Base, Database
from tacita_broker.waiting import first_news
from tacita_protocol.api import Inbox, InboxEvent, InboxEventType


class InboxService:
    """Events are posted inside the transaction that they tell of, and rung for after its commit."""

    def __init__(self, database: Database, limits: Limits, bell: Bell) -> None:
        self._database = database
        self._limits = limits
        self._bell = bell

    async def post(
        self,
        session: AsyncSession,
        partner: str,
        type: InboxEventType,  # noqa: A002 - the event's own field name
        *,
        match: str | None = None,
        agreement: str | None = None,
        now: int,
    ) -> None:
        """Add an event. Writers are serial, so numbers have neither gaps nor repetitions."""
        newest = await session.scalar(_NEWEST, {"holder": partner})
        event = {"type": type.value, "match": match, "agreement": agreement, "posted": now}
        await session.execute(_POST, {"partner": partner, "seq": (newest or 0) + 1, **event})

    def ring(self, *partners: str) -> None:
        """Wake those who wait for news of these partners."""
        self._bell.ring(*(_key(partner) for partner in partners))

    async def read(self, holder: Holder, after: int, wait: float) -> Inbox:
        """Events after number `after`; empty when none comes within `wait` seconds. Raises a 401 problem."""
        which = {"holder": holder.partner, "after": after, "page": self._limits.inbox_page}

        async def look() -> list[InboxRow] | None:
            async with self._database.read() as session:
                await require_holder(session, holder)
                return list(await session.scalars(_NEWS, which)) or None

        rows = await first_news(self._bell, self._limits, look, wait, _key(holder.partner)) or []
        events = tuple(
            InboxEvent(seq=row.seq, type=InboxEventType(row.type), match=row.match, agreement=row.agreement)
            for row in rows
        )
        return Inbox(events=events, next=events[-1].seq if events else after)


_POST: Final = insert(Base.metadata.tables[InboxRow.__tablename__])
_HOLDERS: Final = InboxRow.partner == bindparam("holder")
_NEWEST: Final = select(func.max(InboxRow.seq)).where(_HOLDERS)
_NEWS: Final = (
    select(InboxRow)
    .where(_HOLDERS, InboxRow.seq > bindparam("after"))
    .order_by(InboxRow.seq)
    .limit(bindparam("page", type_=WHOLE))
)


def _key(partner: str) -> str:
    return f"inbox:{partner}"
