"""Table of matches."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base

OPENING = "opening:"
CLOSING = "closing:"
"""Prefixes of the log's references; the match id follows."""


class MatchRow(Base):
    """One match. Statements are kept as the envelopes that came; `state` is an `api.MatchState`."""

    __tablename__ = "matches"
    __table_args__ = (Index("ix_matches_state_deadline", "state", "deadline"),)

    match: Mapped[str] = mapped_column(Text, primary_key=True)
    requester: Mapped[str] = mapped_column(ForeignKey("partners.partner"), index=True)
    responder: Mapped[str] = mapped_column(ForeignKey("partners.partner"), index=True)
    state: Mapped[str] = mapped_column(Text)
    received: Mapped[int]
    units: Mapped[int]
    """Elements that the receivers of all runs could evaluate, once it is granted; before that 0."""
    cardinality_of: Mapped[str | None] = mapped_column(Text)
    """The dataset's epoch (`cardinality_key`) in mode cardinality, whose answers policies count; else null."""
    deadline: Mapped[int | None]
    """Unix seconds at which the broker acts by itself: latest acceptance, latest receipt, a denial's closing."""

    request: Mapped[str] = mapped_column(Text)
    promise: Mapped[str] = mapped_column(Text)
    granted: Mapped[bool | None]
    """Null until it is decided."""
    decision: Mapped[str | None] = mapped_column(Text)
    opening_disclosures: Mapped[str | None] = mapped_column(Text)
    """JSON list."""
    opening: Mapped[str | None] = mapped_column(Text)
    """`api.LoggedDecision`, once witnessed: only then anybody sees the decision."""
    acceptance: Mapped[str | None] = mapped_column(Text)
    refusal: Mapped[str | None] = mapped_column(Text)
    open: Mapped[str | None] = mapped_column(Text)
    requester_receipt: Mapped[str | None] = mapped_column(Text)
    responder_receipt: Mapped[str | None] = mapped_column(Text)
    closing_disclosures: Mapped[str | None] = mapped_column(Text)
    """JSON list."""
    closing: Mapped[str | None] = mapped_column(Text)
    """`api.LoggedClosing`, once witnessed."""


def visible_to(row: MatchRow, partner: str) -> bool:
    """The requester sees its match; the responder sees one that was granted and whose opening is witnessed."""
    if partner == row.requester:
        return True
    return partner == row.responder and row.granted is True and row.opening is not None


def cardinality_key(dataset: str, epoch: int) -> str:
    """One epoch of a dataset of the match's responder."""
    return f"{dataset}/{epoch}"


def opening_reference(match: str) -> str:
    """The log's reference of a match's opening entry."""
    return OPENING + match


def closing_reference(match: str) -> str:
    """The log's reference of a match's closing entry."""
    return CLOSING + match
