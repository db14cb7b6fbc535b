"""The cards that a partner had before its present one, this node itself or another."""

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.identity import IdentityBroken, Replaced, verify_card
from tacita_node.lifecycle.tables import PastCardRow, PeerRotationRow
from tacita_node.storage import Database
from tacita_protocol.api import PastCard
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation, verify_rotation
from tacita_protocol.statements.statement import Signed, unverified


async def past_cards(database: Database, card: Signed[PartnerCard]) -> tuple[Replaced, ...]:
    """This node's cards before `card`, the latest first.

    Raises `IdentityBroken` when a stored rotation does not verify.
    """
    async with database.read() as session:
        rows = list(await session.scalars(select(PastCardRow)))
    try:
        return chain_before(card, [PastCard(card=row.card, rotation=row.rotation) for row in rows])
    except ProtocolError as error:
        raise IdentityBroken("a stored rotation of this node's keys does not verify") from error


def chain_before(card: Signed[PartnerCard], past: Iterable[PastCard]) -> tuple[Replaced, ...]:
    """Of `past` those from which rotations lead to `card`, the latest first. Raises a `ProtocolError`."""
    by_successor = {unverified(KeyRotation, replaced.rotation).card: replaced for replaced in past}
    chain: list[Replaced] = []
    while (found := by_successor.pop(card.digest, None)) is not None:
        older = verify_card(found.card)
        chain.append(Replaced(older, verify_rotation(found.rotation, old=older, new=card)))
        card = older
    return tuple(chain)


async def keep_in(session: AsyncSession, card: Signed[PartnerCard], past: Iterable[Replaced]) -> None:
    """Keeps what `chain_before` found of a peer's `card`, whether or not that card is confirmed."""
    for replaced in past:
        row = PeerRotationRow(
            digest=card.digest,
            partner=card.body.partner,
            old=replaced.card.envelope,
            new=card.envelope,
            rotation=replaced.rotation.envelope,
        )
        await session.merge(row)
        card = replaced.card


async def rotations_of(database: Database, partners: Collection[str]) -> tuple[list[str], list[str]]:
    """The known rotations of those peers: the envelopes of the cards that they lead from and to, and their own."""
    query = select(PeerRotationRow).where(PeerRotationRow.partner.in_(partners))
    async with database.read() as session:
        rows = list(await session.scalars(query))
    return [card for row in rows for card in (row.old, row.new)], [row.rotation for row in rows]
