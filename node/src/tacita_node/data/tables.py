"""Tables of the node's own data. No column holds an identifier, a token or an unkeyed hash of one."""

from sqlalchemy import Boolean, ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tacita_node.storage import Base


class DatasetRow(Base):
    """A named set of records of one kind. `revision` counts the imports that added to it: at 0, the first has not
    ended, and the dataset is not there for anybody (`existing_dataset`).
    """

    __tablename__ = "datasets"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int] = mapped_column(default=0)
    created: Mapped[int]


async def existing_dataset(session: AsyncSession, name: str) -> DatasetRow | None:
    """The dataset of that name; None also while its first import runs."""
    row = await session.get(DatasetRow, name)
    return None if row is None or not row.revision else row


class SourceRow(Base):
    """One imported file. `blob` (keyed HMAC of its SHA-256) names its bytes, which `extractor` read.

    While it is `staged`, its import has not ended: nothing of it, records and rejects included, is there for anybody.
    """

    __tablename__ = "sources"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("datasets.name"), index=True)
    blob: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int]
    rows: Mapped[int]
    accepted: Mapped[int]
    duplicates: Mapped[int]
    rejected: Mapped[int]
    column: Mapped[int]
    """Number of the column that was read, from 0; its heading stays in the encrypted bytes."""
    delimiter: Mapped[str] = mapped_column(String(16))
    region: Mapped[str | None] = mapped_column(String(2))
    extractor: Mapped[str] = mapped_column(String(32))
    normaliser: Mapped[str | None] = mapped_column(String(32))
    """Version of the rules that read the column; None of sources from before it was kept."""
    staged: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    imported: Mapped[int]


class RecordRow(Base):
    """One identifier of a dataset, encrypted under (records, source:line, version); found again by a keyed HMAC."""

    __tablename__ = "records"
    __table_args__ = (
        Index("uq_records_dataset_lookup", "dataset", "lookup", unique=True),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("datasets.name"))
    source: Mapped[str] = mapped_column(ForeignKey("sources.id"), index=True)
    line: Mapped[int]
    version: Mapped[int]
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class RejectRow(Base):
    """A line that held no valid identifier: its number and why. Never what it said."""

    __tablename__ = "rejects"

    source: Mapped[str] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(64))


class EpochRow(Base):
    """One version of a dataset, ready to be matched. `card` is its signed dataset card once it is to be published."""

    __tablename__ = "epochs"

    dataset: Mapped[str] = mapped_column(ForeignKey("datasets.name"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int]
    normaliser: Mapped[str] = mapped_column(String(32))
    count: Mapped[int]
    padded_size: Mapped[int]
    commitment: Mapped[str] = mapped_column(String(64))
    card: Mapped[str | None] = mapped_column(Text)
    published: Mapped[int | None]
    """When the broker took the card, unix seconds."""
    withdrawn: Mapped[int | None]
    """Since when partners may not ask about it any more, whatever else is said, unix seconds."""
    created: Mapped[int]


class CustodyRow(Base):
    """One event of the custody chain: its envelope, and the SHA-256 of its PAE, which the next event names."""

    __tablename__ = "custody_events"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    head: Mapped[str] = mapped_column(String(64))
    envelope: Mapped[str] = mapped_column(Text)


class CustodySaltRow(Base):
    """The salt under which a head was named in a receipt, so that this node can open it for an auditor."""

    __tablename__ = "custody_salts"

    salted: Mapped[str] = mapped_column(String(64), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
