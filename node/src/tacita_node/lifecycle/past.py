"""The cards that this node had before the present one."""

from sqlalchemy import select

from tacita_node.identity import IdentityBroken, verify_card
from tacita_node.lifecycle.tables import PastCardRow
from tacita_node.storage import Database
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation, verify_rotation
from tacita_protocol.statements.statement import Signed, unverified


async def past_cards(database: Database, card: Signed[PartnerCard]) -> tuple[Signed[PartnerCard], ...]:
    """The cards before `card`, the latest first, each replaced by the one before it in this order.

    Raises `IdentityBroken` when a stored rotation does not verify.
    """
    async with database.read() as session:
        rows = list(await session.scalars(select(PastCardRow)))
    past: list[Signed[PartnerCard]] = []
    try:
        by_successor = {unverified(KeyRotation, row.rotation).card: row for row in rows}
        while (row := by_successor.pop(card.digest, None)) is not None:
            older = verify_card(row.card)
            verify_rotation(row.rotation, old=older, new=card)
            past.append(older)
            card = older
    except ProtocolError as error:
        raise IdentityBroken("a stored rotation of this node's keys does not verify") from error
    return tuple(past)
