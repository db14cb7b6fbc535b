"""Tokens of the local API: issued once, kept as hashes, compared in constant time."""

from enum import StrEnum

from sqlalchemy import func, select

from tacita_node.access.tables import ApiToken
from tacita_node.clock import Clock
from tacita_node.storage import Database
from tacita_protocol.crypto.digest import constant_time_equal
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.keyfile import hash_local_token
from tacita_protocol.crypto.randomness import random_bytes

TOKEN_BYTES = 32
TOKEN_CHARACTERS = 43
"""Of 32 bytes in unpadded base64url."""


class Role(StrEnum):
    """What the bearer of a token may do."""

    ANALYST = "analyst"
    """Everything that the local API offers."""
    AUDITOR = "auditor"
    """Read, change nothing; and see neither the hits of a match nor their number."""


class TooManyTokens(Exception):
    """The limit of local tokens is reached."""


class Tokens:
    """Issues and checks local API tokens."""

    def __init__(self, database: Database, *, clock: Clock, limit: int) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit

    async def issue(self, role: Role) -> str:
        """A new token for `role`, shown this once. Raises `TooManyTokens`."""
        token = b64u(random_bytes(TOKEN_BYTES))
        async with self._database.write() as session:
            if (await session.scalar(select(func.count()).select_from(ApiToken)) or 0) >= self._limit:
                raise TooManyTokens(f"this node has issued {self._limit} tokens already")
            session.add(ApiToken(hash=hash_local_token(token), role=role.value, issued=self._clock()))
        return token

    async def role_of(self, token: str) -> Role | None:
        """The role of a token, or None when it was never issued. Takes the same time for every wrong token."""
        if len(token) != TOKEN_CHARACTERS or not token.isascii():
            return None
        presented = hash_local_token(token).encode()
        async with self._database.read() as session:
            known = (await session.execute(select(ApiToken.hash, ApiToken.role))).all()
        found: Role | None = None
        for stored, role in known:  # all of them, so that the time does not tell which one came close
            if constant_time_equal(presented, stored.encode()):
                found = Role(role)
        return found
