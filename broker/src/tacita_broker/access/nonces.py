"""Each signed request counts once."""

from sqlalchemy import delete
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.access.tables import NonceRow
from tacita_broker.problems import ProblemError
from tacita_protocol.crypto.httpsig import MAX_CLOCK_SKEW, VerifiedRequest


async def use_nonce(session: AsyncSession, request: VerifiedRequest) -> None:
    """Remember a verified request inside the caller's transaction. Raises a 401 problem when it came before."""
    statement = (
        insert(NonceRow)
        .values(keyid=request.keyid, nonce=request.nonce, expires=request.expires)
        .on_conflict_do_nothing()
    )
    result = await session.execute(statement)
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise ProblemError(401, "replayed", "This request was received before; sign it anew.")


async def forget_expired(session: AsyncSession, now: int) -> None:
    """Drop nonces whose requests would be refused for their age by now."""
    await session.execute(delete(NonceRow).where(NonceRow.expires < now - MAX_CLOCK_SKEW))
