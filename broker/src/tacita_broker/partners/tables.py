"""Tables of partners and invitations."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class PartnerStatus(StrEnum):
    """How far a partner has come."""

    PENDING = "pending"
    APPROVED = "approved"


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


class InvitationRow(Base):
    """An invitation. Only the hash of its secret is kept."""

    __tablename__ = "invitations"

    secret_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    expires: Mapped[int]
    used_by: Mapped[str | None] = mapped_column(ForeignKey("partners.partner"))
