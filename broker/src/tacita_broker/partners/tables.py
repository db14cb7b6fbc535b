"""Tables of partners, their past keys, and invitations."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class PartnerStatus(StrEnum):
    """How far a partner has come."""

    PENDING = "pending"
    APPROVED = "approved"
    REVOKED = "revoked"
    """For good: neither its id nor any of its keys comes in again."""


class PartnerRow(Base):
    """A partner's card; each key belongs to one partner only."""

    __tablename__ = "partners"

    partner: Mapped[str] = mapped_column(Text, primary_key=True)
    status: Mapped[str] = mapped_column(Text)
    card: Mapped[str] = mapped_column(Text)
    """DSSE envelope."""
    card_digest: Mapped[str] = mapped_column(Text, unique=True)
    """SHA-256 of the envelope, as the log holds it."""
    signing_key: Mapped[str] = mapped_column(Text, unique=True)
    witness_key: Mapped[str] = mapped_column(Text, unique=True)
    enrolled: Mapped[int]
    approved: Mapped[int | None]


class PastKeyRow(Base):
    """A signing key that its partner replaced: it opens nothing, but what was taken under it stays verifiable."""

    __tablename__ = "past_keys"

    signing_key: Mapped[str] = mapped_column(Text, primary_key=True)
    partner: Mapped[str] = mapped_column(ForeignKey("partners.partner"), index=True)
    card: Mapped[str] = mapped_column(Text)
    """DSSE envelope of the card that named the key."""
    rotation: Mapped[str] = mapped_column(Text)
    """DSSE envelope of the KeyRotation that replaced it."""
    replaced: Mapped[int]


class InvitationRow(Base):
    """An invitation. Only the hash of its secret is kept."""

    __tablename__ = "invitations"

    secret_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    expires: Mapped[int]
    used_by: Mapped[str | None] = mapped_column(ForeignKey("partners.partner"))
