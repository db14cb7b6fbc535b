"""Whom a bearer token speaks for, and whether it still may."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.partners.tables import PartnerRow, PartnerStatus
from tacita_broker.problems import ProblemError


@dataclass(frozen=True)
class Holder:
    """The partner whose token came, and the signing key that the token is bound to. Nothing is looked up yet."""

    partner: str
    key: str
    """As `VerifyKey.text`."""


_HELD: Final = select(PartnerRow.partner).where(
    PartnerRow.partner == bindparam("holder"),
    PartnerRow.signing_key == bindparam("key"),
    PartnerRow.status == PartnerStatus.APPROVED.value,
)


async def require_holder(session: AsyncSession, holder: Holder) -> None:
    """Raises a 401 problem unless the partner is approved and the key is still its.

    For every transaction in which something is read or stored for the holder, the one after a long wait too.
    """
    if await session.scalar(_HELD, {"holder": holder.partner, "key": holder.key}) is None:
        raise token_refused()


def token_refused() -> ProblemError:
    """The one answer to every token that does not hold."""
    return ProblemError(
        401, "token", "The bearer token does not open this; ask for a new one.", headers={"www-authenticate": "Bearer"}
    )
