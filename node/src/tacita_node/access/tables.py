"""Local API tokens, as hashes."""

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tacita_node.storage import Base


class ApiToken(Base):
    """One token that was issued. The token itself is 256 random bits and is kept nowhere here."""

    __tablename__ = "api_tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    issued: Mapped[int] = mapped_column(Integer)
