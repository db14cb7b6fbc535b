"""Each signed request counts once."""

from sqlalchemy import delete, exists, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from tacita_broker.access.tables import NonceRow
from tacita_broker.problems import ProblemError
from tacita_protocol.crypto.httpsig import MAX_CLOCK_SKEW, VerifiedRequest


async def use_nonce(session: AsyncSession, request: VerifiedRequest) -> None:
    """Remember a verified request inside the caller's transaction. Raises a 401 problem when it came before."""
    known = exists().where(NonceRow.keyid == request.keyid, NonceRow.nonce == request.nonce)
    row = select(literal(request.keyid), literal(request.nonce), literal(request.expires)).where(~known)
    stored = insert(NonceRow).from_select(["keyid", "nonce", "expires"], row).returning(NonceRow.nonce)
    if await session.scalar(stored) is None:
        raise ProblemError(401, "replayed", "This request was received before; sign it anew.")


async def forget_expired(session: AsyncSession, now: int) -> None:
    """Drop nonces whose requests would be refused for their age by now."""
    await session.execute(delete(NonceRow).where(NonceRow.expires < now - MAX_CLOCK_SKEW))
