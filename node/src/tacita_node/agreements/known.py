"""The agreements that this node knows, as they are listed."""

from dataclasses import dataclass

from sqlalchemy import and_, or_, select

from tacita_node.agreements.tables import AgreementRow
from tacita_node.storage import Database
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import unverified


@dataclass(frozen=True)
class KnownAgreement:
    """An agreement and where it stands here. Only a signed one was verified to the end."""

    body: Agreement
    peer: str
    state: str
    digest: str
    changed: int
    """Unix seconds."""


def known_agreement(row: AgreementRow) -> KnownAgreement:
    """What a row says."""
    return KnownAgreement(unverified(Agreement, row.envelope), row.peer, row.state, row.digest, row.changed)


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
        return [known_agreement(row) for row in await session.scalars(query)]
