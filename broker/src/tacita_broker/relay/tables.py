"""Table of relayed frames."""

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base


class FrameRow(Base):
    """A frame whose bytes are in the blob store. Rows go when the match closes."""

    __tablename__ = "frames"

    match: Mapped[str] = mapped_column(ForeignKey("matches.match"), primary_key=True)
    direction: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(Text)
    size: Mapped[int]
