"""Table of inbox events."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class InboxRow(Base):
    """One event. Numbers count per partner: a common sequence would tell everybody how busy the others are."""

    __tablename__ = "inbox"

    partner: Mapped[str] = mapped_column(ForeignKey("partners.partner"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(Text)
    match: Mapped[str | None] = mapped_column(Text)
    agreement: Mapped[str | None] = mapped_column(Text)
    posted: Mapped[int]
