"""Confirmed partners and agreements."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tacita_node.storage import Base


class ConfirmedPartner(Base):
    """A partner's card whose fingerprint somebody here compared with the partner itself."""

    __tablename__ = "confirmed_partners"

    partner: Mapped[str] = mapped_column(String(63), primary_key=True)
    card: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    confirmed: Mapped[int]


class AgreementRow(Base):
    """An agreement: `proposed` (we signed first), `received` (they did), `signed` (both); `revoked` or `void` (ended).

    A received one may come from a partner that is not confirmed yet; its signature is checked again, and counts, only
    when we sign. `sent` says whether the broker took our envelope in its present state.
    """

    __tablename__ = "agreements"

    agreement: Mapped[str] = mapped_column(String(32), primary_key=True)
    peer: Mapped[str] = mapped_column(String(63), index=True)
    state: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    envelope: Mapped[str] = mapped_column(Text)
    sent: Mapped[bool] = mapped_column()
    changed: Mapped[int]
