"""Tables of the log."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_broker.storage import Base

_WAITING = text("position IS NULL")
_UNPROVED = text("proof_size IS NULL")
HEAD_ROW = 1
"""The id of the single row of `log_head`."""


class LogEntryRow(Base):
    """An entry: first waiting (no position), then in the log for good, then proved (a quorum saw it)."""

    __tablename__ = "log_entries"
    __table_args__ = (
        Index("ix_log_entries_waiting", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_log_entries_unproved", "position", sqlite_where=_UNPROVED, postgresql_where=_UNPROVED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    """What the entry is about, as `opening:<match>`: the same thing is never indexed twice. Not in the log."""
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    excluded: Mapped[str] = mapped_column(Text)
    """Witnesses that do not count for this entry's proof (the match's parties), sorted, joined by commas."""
    queued: Mapped[int]
    position: Mapped[int | None] = mapped_column(unique=True)
    """Index of the leaf."""
    proof_size: Mapped[int | None] = mapped_column(ForeignKey("log_checkpoints.size"))
    """Size of the first checkpoint that contains the entry and has a quorum without `excluded`."""


class LogHeadRow(Base):
    """The newest checkpoint and who may replace it: the row that sequencers compare and swap."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint(f"id = {HEAD_ROW}", name="one"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    """The checkpoint, signed by the log only."""
    holder: Mapped[str] = mapped_column(Text)
    """Random name of the sequencer that holds the lease."""


class LogStageRow(Base):
    """A file of the stored checkpoint that may not be on the disk yet."""

    __tablename__ = "log_stage"

    path: Mapped[str] = mapped_column(Text, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class LogCheckpointRow(Base):
    """A checkpoint that was given to witnesses."""

    __tablename__ = "log_checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(Text)
    pinned: Mapped[int]
    """Unix seconds since which witnesses are asked for it."""
    quorum: Mapped[int | None]
    """Unix seconds at which the federation's quorum (nobody excluded) held."""


class LogCosignatureRow(Base):
    """A verified cosignature; a witness has one for a checkpoint."""

    __tablename__ = "log_cosignatures"

    size: Mapped[int] = mapped_column(ForeignKey("log_checkpoints.size"), primary_key=True)
    witness: Mapped[str] = mapped_column(Text, primary_key=True)
    line: Mapped[str] = mapped_column(Text)
    received: Mapped[int]


class TrustFileRow(Base):
    """A trust file of the federation as an administrator issued it; the newest one holds."""

    __tablename__ = "trust_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    issued: Mapped[int]
