"""Which partners this node knows, and whose keys count.

The broker's list says who enrolled. A card counts here only after a person compared its fingerprint with the partner
over another channel; another card for the same partner counts only after that was done again. A partner that the broker
revoked counts no more, and cannot be confirmed again.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.agreements.endings import void_in
from tacita_node.agreements.tables import ConfirmedPartner
from tacita_node.clock import Clock
from tacita_node.data.custody import CustodyChain
from tacita_node.identity import Replaced, verify_card
from tacita_node.lifecycle.past import chain_before, keep_in
from tacita_node.lifecycle.tables import RevocationRow
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_protocol.crypto.digest import constant_time_equal
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import PartnerCard, fingerprint
from tacita_protocol.statements.statement import Signed
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem

_SEPARATORS = re.compile(r"[\s:-]+")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class Standing(StrEnum):
    """Whether a partner's card counts here."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    CHANGED = "changed"
    """Another card was confirmed than the one that the broker shows: its keys were replaced, or the broker lies."""
    REVOKED = "revoked"


@dataclass(frozen=True)
class KnownPartner:
    """A partner as the broker lists it, and whether this very card counts here."""

    card: Signed[PartnerCard]
    standing: Standing

    @property
    def fingerprint(self) -> str:
        """The card's fingerprint, for people."""
        return fingerprint(self.card)


class PartnerBook:
    """The confirmed cards, beside the broker's list."""

    def __init__(
        self,
        database: Database,
        *,
        own: str,
        custody: CustodyChain,
        broker: BrokerClient,
        clock: Clock,
        limit: int,
    ) -> None:
        self._database = database
        self._own = own
        self._custody = custody
        self._broker = broker
        self._clock = clock
        self._limit = limit

    async def known(self) -> list[KnownPartner]:
        """Every other partner on the broker's list whose card verifies, and confirmed ones that were revoked; by id.

        Raises what the broker raises.
        """
        listed = await self._broker.partners()
        if len(listed.partners) > self._limit:
            raise ProblemError(502, "too-many-partners", f"The broker lists more than {self._limit} partners.")
        known = await self._revoked()
        gone = {partner.card.body.partner for partner in known}
        for view in listed.partners:
            try:
                card = verify_card(view.card)
            except ProtocolError:
                continue  # a card that does not verify is nobody's
            if card.body.partner == view.partner != self._own and view.partner not in gone:
                known.append(await self._beside_confirmed(card))
        return sorted(known, key=lambda partner: partner.card.body.partner)

    async def confirm(self, partner: str, text: str) -> KnownPartner:
        """Confirms the card that the broker holds for `partner`, if `text` is its fingerprint. Raises `ProblemError`.

        `text` is what the partner itself said over another channel; spaces, hyphens, colons and case do not matter.
        """
        if partner == self._own:
            raise ProblemError(409, "own-card", "A node does not confirm its own card.")
        said = _SEPARATORS.sub("", text).lower()
        if _FINGERPRINT.fullmatch(said) is None:
            raise ProblemError(422, "no-fingerprint", "A fingerprint is 64 hexadecimal digits; enter all of them.")
        if await self.is_revoked(partner):
            raise ProblemError(409, "partner-revoked", "The broker has revoked this partner; it cannot be confirmed.")
        card, past = await self._listed_card(partner)
        if not constant_time_equal(said.encode(), _SEPARATORS.sub("", fingerprint(card)).encode()):
            raise ProblemError(
                409,
                "fingerprint-mismatch",
                "This is not the fingerprint of the card that the broker holds. Nothing was confirmed: ask the partner "
                "again over another channel, and do not go on if it stays like this.",
            )
        async with self._database.write() as session:
            await keep_in(session, card, past)
            row = await session.get(ConfirmedPartner, partner)
            if row is None or row.digest != card.digest:
                confirmed = ConfirmedPartner(
                    partner=partner, card=card.envelope, digest=card.digest, confirmed=self._clock()
                )
                if row is not None:  # what was agreed names the card that this one replaces
                    await void_in(session, now=self._clock(), peer=partner)
                await session.merge(confirmed)
                await self._custody.record("partner-confirmed", {"partner": partner, "card": card.digest}, session)
        return KnownPartner(card, Standing.CONFIRMED)

    async def distrust(self, partner: str) -> None:
        """Takes a confirmation back: the partner's card counts no more until it is confirmed again.

        Raises `ProblemError` when none was given.
        """
        async with self._database.write() as session:
            row = await session.get(ConfirmedPartner, partner)
            if row is None:
                raise ProblemError(404, "not-confirmed", "No card of such a partner is confirmed here.")
            await self._custody.record("partner-distrusted", {"partner": partner, "card": row.digest}, session)
            await session.delete(row)

    async def is_revoked(self, partner: str) -> bool:
        """Whether the broker has revoked this partner, as far as this node knows."""
        async with self._database.read() as session:
            return await _is_revoked(session, partner)

    async def confirmed_card(self, partner: str) -> Signed[PartnerCard] | None:
        """The confirmed card of a partner, verified again; None when there is none, or the partner was revoked."""
        async with self._database.read() as session:
            if await _is_revoked(session, partner):
                return None
            row = await session.get(ConfirmedPartner, partner)
        return None if row is None else _verified(row)

    async def party(self, partner: str) -> Signed[PartnerCard]:
        """The confirmed card of a partner with which something is to be agreed. Raises `ProblemError`."""
        if await self.is_revoked(partner):
            raise ProblemError(
                409, "partner-revoked", "The broker has revoked this partner; nothing can be agreed with it any more."
            )
        card = await self.confirmed_card(partner)
        if card is None:
            raise ProblemError(
                409,
                "partner-unconfirmed",
                "Confirm this partner first: compare its fingerprint with the partner over another channel.",
            )
        return card

    async def remembered_card(self, partner: str) -> Signed[PartnerCard] | None:
        """As `confirmed_card`, also of a partner that was revoked since: to tell it so, and to read its statements."""
        async with self._database.read() as session:
            row = await session.get(ConfirmedPartner, partner)
        return None if row is None else _verified(row)

    async def _revoked(self) -> list[KnownPartner]:
        revoked = select(RevocationRow.name).where(RevocationRow.type == "partner")
        async with self._database.read() as session:
            names = list(await session.scalars(revoked))
        cards = [await self.remembered_card(name) for name in names]
        return [KnownPartner(card, Standing.REVOKED) for card in cards if card is not None]

    async def _beside_confirmed(self, card: Signed[PartnerCard]) -> KnownPartner:
        if await self.is_revoked(card.body.partner):
            return KnownPartner(card, Standing.REVOKED)
        confirmed = await self.confirmed_card(card.body.partner)
        if confirmed is None:
            return KnownPartner(card, Standing.UNCONFIRMED)
        return KnownPartner(card, Standing.CONFIRMED if confirmed.digest == card.digest else Standing.CHANGED)

    async def _listed_card(self, partner: str) -> tuple[Signed[PartnerCard], tuple[Replaced, ...]]:
        """The card that the broker holds, and those before it."""
        try:
            view = await self._broker.partner(partner)
        except BrokerProblem as problem:
            if problem.status == 404:
                raise ProblemError(404, "no-such-partner", "The broker knows no such partner.") from None
            raise
        try:
            card = verify_card(view.card)
            past = chain_before(card, view.past)
        except ProtocolError:
            raise ProblemError(502, "card-invalid", "The card that the broker holds does not verify.") from None
        if not card.body.partner == view.partner == partner:
            raise ProblemError(502, "card-invalid", "The broker answered with another partner's card.")
        return card, past


async def _is_revoked(session: AsyncSession, partner: str) -> bool:
    query = select(RevocationRow.digest).where(RevocationRow.type == "partner", RevocationRow.name == partner)
    return (await session.execute(query.limit(1))).first() is not None


def _verified(row: ConfirmedPartner) -> Signed[PartnerCard]:
    card = verify_card(row.card)
    if card.body.partner != row.partner or card.digest != row.digest:
        raise RuntimeError("the stored card of a confirmed partner is not the one that was confirmed")
    return card
