"""Nonces of signed requests."""

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base

HORIZON_ROW = 1
"""The id of the single row of `nonce_horizon`."""


class NonceRow(Base):
    """A nonce that was used. Kept until long after its request has expired, across restarts."""

    __tablename__ = "nonces"
    __table_args__ = (Index("ix_nonces_expires", "expires"),)

    keyid: Mapped[str] = mapped_column(Text, primary_key=True)
    nonce: Mapped[str] = mapped_column(Text, primary_key=True)
    expires: Mapped[int]


class NonceHorizonRow(Base):
    """Up to when requests expired whose nonces are forgotten."""

    __tablename__ = "nonce_horizon"
    __table_args__ = (CheckConstraint(f"id = {HORIZON_ROW}", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    expires: Mapped[int]
    """Unix seconds."""
