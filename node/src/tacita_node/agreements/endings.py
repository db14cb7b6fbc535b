"""How an agreement ends before its time: a party revokes it, or replaces the card that it names.

Both are for good. An id names one content for ever, so the same terms are agreed anew under another id.

That the broker revoked the other party ends it too; that is derived from the revocation (`known`), never stored twice.
"""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_node.agreements.tables import AgreementRow
from tacita_node.problems import ProblemError

REVOKED, VOID = "revoked", "void"
ENDED = frozenset({REVOKED, VOID})


async def revoke_in(session: AsyncSession, agreement: str, *, now: int) -> bool:
    """Marks an agreement as revoked. False when it had ended, or is not known here."""
    row = await session.get(AgreementRow, agreement)
    if row is None or row.state in ENDED:
        return False
    row.state, row.changed = REVOKED, now
    return True


async def void_in(session: AsyncSession, *, now: int, peer: str | None = None) -> None:
    """Marks every agreement that has not ended as void: all of them, or those with `peer`."""
    statement = update(AgreementRow).where(AgreementRow.state.not_in(ENDED)).values(state=VOID, changed=now)
    await session.execute(statement if peer is None else statement.where(AgreementRow.peer == peer))


async def replace_in(session: AsyncSession, row: AgreementRow) -> None:
    """Stores a changed agreement. Raises a 409 problem when it has ended since it was read."""
    stored = await session.get_one(AgreementRow, row.agreement)
    if stored.state in ENDED:
        raise has_ended()
    await session.merge(row)


def has_ended() -> ProblemError:
    """What is said of an agreement that has ended."""
    return ProblemError(
        409, "agreement-ended", "This agreement was revoked, or its other party was, or a card in it was replaced."
    )
