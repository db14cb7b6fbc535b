"""Local API tokens, as hashes."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tacita_node.storage import Base


class ApiToken(Base):
    """One token that was issued. The token itself is 256 random bits and is kept nowhere here."""

    __tablename__ = "api_tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(16), unique=True)
    """What people call it by: random, and no part of the token."""
    name: Mapped[str] = mapped_column(String(100))
    roles: Mapped[str] = mapped_column(String(64))
    """Separated by spaces."""
    issued: Mapped[int]
    expires: Mapped[int]
