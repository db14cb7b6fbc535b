"""Each signed request counts once, also when the host's clock is set back.

A nonce is kept for hours after its request has expired, so that a clock that is set right by as much changes nothing.
What is forgotten after that leaves the time up to which there were such requests: none that expires before it is taken.
"""

from typing import Final

from sqlalchemy import Text, bindparam, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from tacita_broker.access.tables import HORIZON_ROW, NonceHorizonRow, NonceRow
from tacita_broker.problems import ProblemError
from tacita_broker.storage import WHOLE
from tacita_protocol.crypto.httpsig import VerifiedRequest

KEPT_SECONDS = 2 * 3_600
"""How long a nonce is kept after its request has expired."""


async def use_nonce(session: AsyncSession, request: VerifiedRequest) -> None:
    """Remember a verified request inside the caller's transaction.

    Raises a 401 problem when it came before, or when nobody knows any more whether it did.
    """
    used = {"signer": request.keyid, "number": request.nonce, "until": request.expires}
    # By the connection: a session would take these for the columns of rows.
    if (await (await session.connection()).execute(_USE, used)).first() is not None:
        return
    horizon = await session.get(NonceHorizonRow, HORIZON_ROW)
    if horizon is not None and request.expires <= horizon.expires:
        raise ProblemError(401, "signature-time", "The broker's clock was set back; try again in some minutes.")
    raise ProblemError(401, "replayed", "This request was received before; sign it anew.")


def _use() -> ReturningInsert[tuple[str]]:
    """Stores a nonce, and returns it, unless it is there or there were such that are forgotten."""
    keyid, nonce = bindparam("signer", type_=Text), bindparam("number", type_=Text)
    expires = bindparam("until", type_=WHOLE)
    known = exists().where(NonceRow.keyid == keyid, NonceRow.nonce == nonce)
    forgotten = exists().where(NonceHorizonRow.id == HORIZON_ROW, NonceHorizonRow.expires >= expires)
    row = select(keyid, nonce, expires).where(~known, ~forgotten)
    return insert(NonceRow).from_select(["keyid", "nonce", "expires"], row).returning(NonceRow.nonce)


_USE: Final = _use()


async def forget_expired(session: AsyncSession, now: int) -> None:
    """Drop nonces whose requests expired long ago, and note up to when there were such."""
    old = NonceRow.expires < now - KEPT_SECONDS
    newest = (await session.execute(select(func.max(NonceRow.expires)).where(old))).scalar_one()
    if newest is None:
        return
    horizon = await session.get(NonceHorizonRow, HORIZON_ROW)
    if horizon is None:
        session.add(NonceHorizonRow(id=HORIZON_ROW, expires=newest))
    else:
        horizon.expires = max(horizon.expires, newest)
    await session.execute(delete(NonceRow).where(old))
