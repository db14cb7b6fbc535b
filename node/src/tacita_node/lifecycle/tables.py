"""Revocations and rotations, of this node and of its peers, and the cards that were replaced by them."""

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_node.storage import Base


class RevocationRow(Base):
    """One verified revocation, of this node, a peer, or the broker. It never goes away."""

    __tablename__ = "revocations"
    __table_args__ = (Index("ix_revocations_type_name", "type", "name"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[str] = mapped_column(String(16))
    """What is revoked: `partner`, `dataset`, `agreement`."""
    name: Mapped[str] = mapped_column(String(63))
    """Its id or name."""
    envelope: Mapped[str] = mapped_column(Text)
    waiting: Mapped[bool] = mapped_column()
    """An own one that the broker has neither taken nor refused for good."""
    refused: Mapped[str | None] = mapped_column(String(64))
    """The code with which the broker refused it for good: it has nothing to revoke. Here it counts all the same."""
    issued: Mapped[int]
    """When its issuer says that it was made, unix seconds."""


class RevocationCursor(Base):
    """How far this node has read the broker's list of revocations. One row."""

    __tablename__ = "revocation_cursor"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class PastCardRow(Base):
    """A card that this node has replaced: what it signed under it before stays its own word."""

    __tablename__ = "past_cards"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    card: Mapped[str] = mapped_column(Text)
    rotation: Mapped[str] = mapped_column(Text)
    """The KeyRotation that replaced it."""
    replaced: Mapped[int]


class PeerRotationRow(Base):
    """A verified rotation of a peer, kept for audits of what the peer said under either key.

    It confirms nothing: that a card counts is said by `confirmed_partners` only. It never goes away.
    """

    __tablename__ = "peer_rotations"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the new card."""
    partner: Mapped[str] = mapped_column(String(63), index=True)
    old: Mapped[str] = mapped_column(Text)
    """The card that was replaced."""
    new: Mapped[str] = mapped_column(Text)
    """The card that replaced it."""
    rotation: Mapped[str] = mapped_column(Text)
