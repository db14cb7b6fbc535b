"""Which revocations a partner reads: of partners everybody, of an agreement its parties, of a dataset its owner.

Another partner's dataset simply is not in the catalogue any more: whoever might not discover it learns nothing.
"""

from sqlalchemy import or_, select

from tacita_broker.agreements.tables import AgreementRow
from tacita_broker.config import Limits
from tacita_broker.lifecycle.revocations import revocation_reference
from tacita_broker.lifecycle.tables import RevocationRow
from tacita_broker.log.service import LogService
from tacita_broker.storage import Database
from tacita_protocol.api import RevocationList, RevocationView


class RevocationListing:
    """Answers readers."""

    def __init__(self, database: Database, log: LogService, limits: Limits) -> None:
        self._database = database
        self._log = log
        self._limits = limits

    async def after(self, reader: str, number: int) -> RevocationList:
        """Revocations after `number` that concern `reader`, oldest first; with their proofs as far as there are any."""
        own = select(AgreementRow.agreement).where(or_(AgreementRow.first == reader, AgreementRow.second == reader))
        concerning = or_(
            RevocationRow.type == "partner",
            (RevocationRow.type == "dataset") & (RevocationRow.partner == reader),
            (RevocationRow.type == "agreement") & RevocationRow.agreement.in_(own),
        )
        query = select(RevocationRow).where(RevocationRow.number > number, concerning)
        async with self._database.read() as session:
            rows = list(await session.scalars(query.order_by(RevocationRow.number).limit(self._limits.inbox_page)))
        views = [
            RevocationView(
                number=row.number,
                envelope=row.envelope,
                entry=await self._log.logged_card(revocation_reference(row.digest)),
            )
            for row in rows
        ]
        return RevocationList(revocations=tuple(views), next=rows[-1].number if rows else number)
