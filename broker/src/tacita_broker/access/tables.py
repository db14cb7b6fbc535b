"""Nonces of signed requests."""

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class NonceRow(Base):
    """A nonce that was used. Kept until its request has expired, across restarts."""

    __tablename__ = "nonces"
    __table_args__ = (Index("ix_nonces_expires", "expires"),)

    keyid: Mapped[str] = mapped_column(Text, primary_key=True)
    nonce: Mapped[str] = mapped_column(Text, primary_key=True)
    expires: Mapped[int]
