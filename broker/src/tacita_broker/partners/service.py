"""Looking partners up, at every request and for each other."""

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.log.service import LogService
from tacita_broker.partners.enrolment import card_reference
from tacita_broker.partners.tables import PartnerRow, PartnerStatus, PastKeyRow
from tacita_broker.problems import ProblemError, not_found
from tacita_broker.storage import Database
from tacita_protocol.api import MAX_PAST_CARDS, PartnerList, PartnerView, PastCard
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import SignatureInvalid
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, Statement, verify_statement

S = TypeVar("S", bound=Statement)


@dataclass(frozen=True)
class KnownPartner:
    """A partner with its verified card and signing key."""

    partner: str
    approved: bool
    card: Signed[PartnerCard]
    key: VerifyKey


async def require_in_force(session: AsyncSession, caller: KnownPartner) -> None:
    """Raises a 401 problem when the caller was revoked, or has replaced its card, since its request was verified.

    For the transaction in which something of the caller's is stored: later it would be under a key that counts no more.
    """
    row = await session.get(PartnerRow, caller.partner)
    if row is None or row.status != PartnerStatus.APPROVED.value or row.card != caller.card.envelope:
        raise ProblemError(401, "signature", "The request is not signed by a partner's key.")


class PartnerService:
    """Partners as the database holds them now: an administrator's command takes effect at the next request."""

    def __init__(self, database: Database, log: LogService) -> None:
        self._database = database
        self._log = log
        self._verified: dict[str, KnownPartner] = {}

    def remembered(self, partner: str) -> KnownPartner | None:
        """The partner as it was found last. It may have been revoked, or have replaced its keys, since."""
        return self._verified.get(partner)

    async def find(self, partner: str) -> KnownPartner | None:
        """The partner with this id, approved or not; None if there is none, or if it was revoked."""
        async with self._database.read() as session:
            return await self.find_in(session, partner)

    async def find_in(self, session: AsyncSession, partner: str) -> KnownPartner | None:
        """As `find`, inside a transaction."""
        row = await session.get(PartnerRow, partner)
        if row is None or row.status == PartnerStatus.REVOKED.value:
            self._verified.pop(partner, None)
            return None
        return self._known(row)

    async def approved_in(self, session: AsyncSession, partner: str) -> KnownPartner | None:
        """The partner if it is approved."""
        known = await self.find_in(session, partner)
        return known if known is not None and known.approved else None

    async def verify_stored(self, session: AsyncSession, partner: str, cls: type[S], envelope: str) -> Signed[S]:
        """A statement that the broker took from this partner earlier, under the key that the partner had then.

        Also of a partner that was revoked since.
        """
        row = await session.get_one(PartnerRow, partner)
        past = select(PastKeyRow.signing_key).where(PastKeyRow.partner == partner).order_by(PastKeyRow.replaced.desc())
        for key in (row.signing_key, *await session.scalars(past)):
            try:
                return verify_statement(cls, envelope, VerifyKey.from_text(key))
            except SignatureInvalid:
                continue
        raise RuntimeError("a stored statement is not under a key of its partner")

    async def keys_replaced(self, session: AsyncSession, partner: str) -> int:
        """Unix seconds at which the partner last replaced its keys, 0 if it never did."""
        newest = select(func.max(PastKeyRow.replaced)).where(PastKeyRow.partner == partner)
        return await session.scalar(newest) or 0

    async def view(self, partner: str) -> PartnerView:
        """An approved partner's card and log entry. Raises a 404 problem."""
        known = await self.find(partner)
        if known is None or not known.approved:
            raise not_found()
        return await self._view(known)

    async def all(self) -> PartnerList:
        """All approved partners."""
        query = select(PartnerRow).where(PartnerRow.status == PartnerStatus.APPROVED.value).order_by(PartnerRow.partner)
        async with self._database.read() as session:
            rows = list(await session.scalars(query))
        return PartnerList(partners=tuple([await self._view(self._known(row)) for row in rows]))

    async def _view(self, known: KnownPartner) -> PartnerView:
        entry = await self._log.logged_card(card_reference(known.card))
        replaced = select(PastKeyRow).where(PastKeyRow.partner == known.partner).order_by(PastKeyRow.replaced.desc())
        async with self._database.read() as session:
            rows = await session.scalars(replaced.limit(MAX_PAST_CARDS))
            past = tuple(PastCard(card=row.card, rotation=row.rotation) for row in rows)
        return PartnerView(partner=known.partner, card=known.card.envelope, entry=entry, past=past)

    def _known(self, row: PartnerRow) -> KnownPartner:
        """The row with its card verified; a card is verified once, its approval is read each time."""
        approved = row.status == PartnerStatus.APPROVED.value
        cached = self._verified.get(row.partner)
        if cached is None or (cached.card.envelope, cached.approved) != (row.card, approved):
            key = VerifyKey.from_text(row.signing_key)
            cached = KnownPartner(row.partner, approved, verify_statement(PartnerCard, row.card, key), key)
            self._verified[row.partner] = cached
        return cached
