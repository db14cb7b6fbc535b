"""The agreements that this node knows, as they are listed.

What is stored is what the parties did. That the broker revoked the other party is another's doing, and is stored as
such; an agreement that had not ended otherwise is shown as over because of it.
"""

from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.agreements.endings import ENDED
from tacita_node.agreements.tables import AgreementRow
from tacita_node.lifecycle.tables import RevocationRow
from tacita_node.storage import Database
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import unverified

PARTNER_REVOKED = "partner-revoked"
"""Shown, never stored: the broker revoked the other party, so the agreement covers nothing any more."""


@dataclass(frozen=True)
class KnownAgreement:
    """An agreement and where it stands here. Only a signed one was verified to the end."""

    body: Agreement
    peer: str
    state: str
    digest: str
    changed: int
    """Unix seconds."""


async def known_agreement(database: Database, row: AgreementRow) -> KnownAgreement:
    """What a row says, and whether its other party was revoked."""
    async with database.read() as session:
        return _known(row, await _revoked(session, row.peer))


async def known_agreements(
    database: Database, limit: int | None, *, after: tuple[int, str] | None
) -> list[KnownAgreement]:
    """The agreements, the latest change first: at most `limit`, after the one of that change and id."""
    query = select(AgreementRow).order_by(AgreementRow.changed.desc(), AgreementRow.agreement).limit(limit)
    if after is not None:
        changed, agreement = after
        query = query.where(
            or_(
                AgreementRow.changed < changed,
                and_(AgreementRow.changed == changed, AgreementRow.agreement > agreement),
            )
        )
    async with database.read() as session:
        rows = list(await session.scalars(query))
        revoked = await _revoked(session, *{row.peer for row in rows})
    return [_known(row, revoked) for row in rows]


async def _revoked(session: AsyncSession, *partners: str) -> frozenset[str]:
    """Those that the broker has revoked."""
    query = select(RevocationRow.name).where(RevocationRow.type == "partner", RevocationRow.name.in_(partners))
    return frozenset(await session.scalars(query))


def _known(row: AgreementRow, revoked: frozenset[str]) -> KnownAgreement:
    state = PARTNER_REVOKED if row.peer in revoked and row.state not in ENDED else row.state
    return KnownAgreement(unverified(Agreement, row.envelope), row.peer, state, row.digest, row.changed)
