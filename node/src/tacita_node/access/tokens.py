"""Tokens of the local API: issued once, kept as hashes, compared in constant time, at an end by time or by order.

An end by time is for good: a token that this node has seen at its end is dropped, whatever its clock says (ADR 0023).
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.engine import CursorResult

from tacita_node.access.roles import Role
from tacita_node.access.tables import ApiToken
from tacita_node.clock import Clock
from tacita_node.config import MAX_TOKEN_DAYS, TOKEN_DAYS
from tacita_node.storage import Database
from tacita_protocol.crypto.digest import constant_time_equal
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keyfile import hash_local_token
from tacita_protocol.crypto.randomness import random_bytes, random_hex

if TYPE_CHECKING:
    from tacita_node.services import NodeServices

TOKEN_BYTES = 32
TOKEN_CHARACTERS = 43
"""Of 32 bytes in unpadded base64url."""
ID_BYTES = 8
DAY_SECONDS = 24 * 3600
FORGETTING_SECONDS = 60
"""How often tokens are looked through for those at their end."""


class TooManyTokens(Exception):
    """The limit of local tokens is reached."""


@dataclass(frozen=True)
class Holder:
    """Whom a token speaks for: its id and its roles."""

    token: str
    roles: frozenset[Role]


@dataclass(frozen=True)
class ListedToken:
    """A token as an operator sees it; times in unix seconds."""

    id: str
    name: str
    roles: tuple[Role, ...]
    issued: int
    expires: int


@dataclass(frozen=True)
class IssuedToken:
    """A new token: the secret, shown this once, and the id by which it is revoked."""

    secret: str
    id: str
    expires: int


class Tokens:
    """Issues, lists, checks and revokes local API tokens. Each look is at the database: a revocation holds at once."""

    def __init__(self, database: Database, *, clock: Clock, limit: int) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._ended: set[str] = set()
        """Ids of tokens that were seen at their end and are not dropped yet."""

    async def issue(self, *roles: Role, name: str = "", days: int = TOKEN_DAYS) -> IssuedToken:
        """A new token with these roles, good for `days` days. Raises `TooManyTokens`."""
        if not roles or not 1 <= days <= MAX_TOKEN_DAYS:
            raise ValueError(f"a token has at least one role and is good for 1 to {MAX_TOKEN_DAYS} days")
        secret, now = b64u(random_bytes(TOKEN_BYTES)), self._clock()
        row = ApiToken(
            hash=hash_local_token(secret),
            id=random_hex(ID_BYTES),
            name=name,
            roles=" ".join(sorted(set(roles))),
            issued=now,
            expires=now + days * DAY_SECONDS,
        )
        async with self._database.write() as session:
            await session.execute(delete(ApiToken).where(ApiToken.expires <= now))
            if (await session.scalar(select(func.count()).select_from(ApiToken)) or 0) >= self._limit:
                raise TooManyTokens(f"this node has issued {self._limit} tokens already: revoke one")
            session.add(row)
        return IssuedToken(secret, row.id, row.expires)

    async def listed(self) -> tuple[ListedToken, ...]:
        """Every token that was issued, not revoked, and not dropped at its end; the oldest first."""
        async with self._database.read() as session:
            rows = list(await session.scalars(select(ApiToken).order_by(ApiToken.issued, ApiToken.id)))
        return tuple(
            ListedToken(row.id, row.name, tuple(sorted(_roles(row.roles))), row.issued, row.expires) for row in rows
        )

    async def forget_ended(self) -> None:
        """Drops the tokens that are at their end, so that a clock that is set back brings none of them back."""
        async with self._database.write() as session:
            await session.execute(delete(ApiToken).where(ApiToken.expires <= self._clock()))
        self._ended.clear()

    async def revoke(self, token: str) -> bool:
        """Ends the token with this id at once. False when there is none."""
        async with self._database.write() as session:
            result = await session.execute(delete(ApiToken).where(ApiToken.id == token))
        return isinstance(result, CursorResult) and result.rowcount == 1

    async def holder(self, secret: str) -> Holder | None:
        """Whom a presented token speaks for; None when it was never issued, was revoked, or is at its end.

        Takes the same time for every wrong token.
        """
        if len(secret) != TOKEN_CHARACTERS or not secret.isascii():
            return None
        presented, now = hash_local_token(secret).encode(), self._clock()
        async with self._database.read() as session:
            known = list(await session.scalars(select(ApiToken)))
        found: Holder | None = None
        for row in known:  # all of them, so that the time does not tell which one came close
            if row.expires <= now:
                self._ended.add(row.id)
            if constant_time_equal(presented, row.hash.encode()) and row.id not in self._ended:
                found = Holder(row.id, _roles(row.roles))
        return found


async def run_tokens(services: "NodeServices", stop: asyncio.Event) -> None:
    """Drops tokens at their end until `stop`."""
    while not stop.is_set():
        await services.tokens.forget_ended()
        with suppress(TimeoutError):
            async with asyncio.timeout(FORGETTING_SECONDS):
                await stop.wait()


def _roles(text: str) -> frozenset[Role]:
    return frozenset(Role(role) for role in text.split())
