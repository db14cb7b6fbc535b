"""Table of dataset cards."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class DatasetRow(Base):
    """One epoch of a dataset, as its card says. The newest epoch is the one in the catalogue."""

    __tablename__ = "datasets"

    partner: Mapped[str] = mapped_column(ForeignKey("partners.partner"), primary_key=True)
    dataset: Mapped[str] = mapped_column(Text, primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    card: Mapped[str] = mapped_column(Text)
    """DSSE envelope."""
    published: Mapped[int]
    withdrawn: Mapped[int | None]
    """Unix seconds at which its owner withdrew it or replaced the key under it. An older epoch does not come back."""
