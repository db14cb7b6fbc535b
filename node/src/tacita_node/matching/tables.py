"""What a node keeps about a match: where it stands, and every statement that was signed about it."""

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_node.storage import Base
from tacita_protocol.statements.vocabulary import ResultTo, Role


class MatchRow(Base):
    """One match. The primary key is what makes a grant good for one use: a second row of its id cannot exist.

    Statements are kept as the envelopes that were sent or verified. Nothing here tells what the match found: hits are
    in the encrypted blob `results/<match>.parts`, and their number is in the encrypted `hits_sealed`.
    """

    __tablename__ = "matches"
    __table_args__ = (
        CheckConstraint("role in ('requester', 'responder')", name="role"),
        Index("ix_matches_started", "started"),
        Index("ix_matches_settled", "settled"),
        Index("ix_matches_agreement", "agreement"),
    )

    match: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    peer: Mapped[str]
    peer_card: Mapped[str] = mapped_column(Text)
    """The peer's card when the match began: every statement of this match is under its key."""
    dataset: Mapped[str]
    """The name of the dataset that is asked about."""
    own_dataset: Mapped[str]
    own_epoch: Mapped[int]
    own_withdrawn: Mapped[bool] = mapped_column(default=False)
    """The own set was withdrawn already when the match began: an asker may have a set tested that it offers nobody."""
    responder_count: Mapped[int]
    """Padded size of the dataset that is asked about, as its card says."""
    custody: Mapped[str]
    """The salted custody head from before the match."""
    kind: Mapped[str]
    mode: Mapped[str]
    """Value of `Mode`: what is learned."""
    result_to: Mapped[str]
    """Value of `ResultTo`: who learns it."""
    partitions: Mapped[int | None]
    """Parts into which each run is cut, as the acceptance says; None before that."""
    agreement: Mapped[str | None]
    """Digest of the agreement that the request names: what its caps are counted by."""
    state: Mapped[str]
    """Value of `tacita_protocol.session.State`."""
    outcome: Mapped[str | None]
    reasons: Mapped[str] = mapped_column(Text, default="[]")
    """JSON list of reasons."""
    units: Mapped[int] = mapped_column(default=0)
    """Elements that the peer could, or may still, evaluate against this node's set: reserved or charged here."""
    started: Mapped[int]
    ended: Mapped[int | None]
    closed: Mapped[bool] = mapped_column(default=False)
    """The closing entry's proof was verified."""
    settled: Mapped[bool] = mapped_column(default=False)
    """Nothing more is waited for: closed, or no closing will come."""
    released: Mapped[bool] = mapped_column(default=False)
    hits_sealed: Mapped[bytes | None]
    case_sealed: Mapped[bytes | None]
    """The local case reference, encrypted; requester only."""
    request: Mapped[str] = mapped_column(Text)
    promise: Mapped[str | None] = mapped_column(Text)
    decision: Mapped[str | None] = mapped_column(Text)
    """JSON of `tacita_protocol.api.LoggedDecision`."""
    acceptance: Mapped[str | None] = mapped_column(Text)
    refusal: Mapped[str | None] = mapped_column(Text)
    open: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(Text)
    closing: Mapped[str | None] = mapped_column(Text)
    """JSON of `tacita_protocol.api.LoggedClosing`."""

    @property
    def learns(self) -> bool:
        """Whether the result goes to this side."""
        other = ResultTo.OWNER if self.role == Role.REQUESTER.value else ResultTo.REQUESTER
        return self.result_to != other.value


class InboxCursor(Base):
    """How far this node has read the broker's events. One row."""

    __tablename__ = "inbox_cursor"

    id: Mapped[int] = mapped_column(primary_key=True)
    next: Mapped[int]
