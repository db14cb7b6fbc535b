"""Table of revocations."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class RevocationRow(Base):
    """A revocation that was carried out, in the order in which they came."""

    __tablename__ = "revocations"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - the attribute that SQLAlchemy reads

    number: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    """SHA-256 of the payload."""
    type: Mapped[str] = mapped_column(Text)
    """What is revoked: `partner`, `dataset` or `agreement`."""
    partner: Mapped[str] = mapped_column(ForeignKey("partners.partner"))
    """The revoked partner; the owner of the dataset; the party that revokes the agreement."""
    agreement: Mapped[str | None] = mapped_column(ForeignKey("agreements.agreement"))
    envelope: Mapped[str] = mapped_column(Text)
    received: Mapped[int]
