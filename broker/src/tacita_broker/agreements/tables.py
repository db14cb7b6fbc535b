"""Table of agreements."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class AgreementRow(Base):
    """An agreement, first with its proposer's signature, then with both."""

    __tablename__ = "agreements"

    agreement: Mapped[str] = mapped_column(Text, primary_key=True)
    first: Mapped[str] = mapped_column(ForeignKey("partners.partner"), index=True)
    """The two parties, sorted by id."""
    second: Mapped[str] = mapped_column(ForeignKey("partners.partner"), index=True)
    proposer: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text, index=True)
    """SHA-256 of the payload: what requests cite."""
    envelope: Mapped[str] = mapped_column(Text)
    complete: Mapped[bool]
    """Whether both have signed."""
    salt: Mapped[str | None] = mapped_column(Text)
    """Hex; the log holds SHA-256(salt || envelope)."""
    received: Mapped[int]
    ended: Mapped[int | None]
    """Unix seconds since when it covers nothing: a party revoked it, or replaced the card that it names."""
