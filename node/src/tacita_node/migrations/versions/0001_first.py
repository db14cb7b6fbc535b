"""The first shape of a node's database."""

import sqlalchemy as sa
from alembic import op

from tacita_node.storage import WHOLE

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates every table."""
    op.create_table(
        "agreements",
        sa.Column("agreement", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("agreement", name="pk_agreements"),
        sa.UniqueConstraint("digest", name="uq_agreements_digest"),
    )
    op.create_index("ix_agreements_peer", "agreements", ["peer"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("issued", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_api_tokens"),
    )
    op.create_table(
        "confirmed_partners",
        sa.Column("partner", sa.String(length=63), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("confirmed", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("partner", name="pk_confirmed_partners"),
    )
    op.create_table(
        "custody_events",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_custody_events"),
    )
    op.create_table(
        "custody_salts",
        sa.Column("salted", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("salted", name="pk_custody_salts"),
    )
    op.create_table(
        "datasets",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("created", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_datasets"),
    )
    op.create_table(
        "inbox_cursor",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("next", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbox_cursor"),
    )
    op.create_table(
        "matches",
        sa.Column("match", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("peer_card", sa.Text(), nullable=False),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("own_dataset", sa.String(), nullable=False),
        sa.Column("own_epoch", WHOLE, nullable=False),
        sa.Column("sender_count", WHOLE, nullable=False),
        sa.Column("custody", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("agreement", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("units", WHOLE, nullable=False),
        sa.Column("started", WHOLE, nullable=False),
        sa.Column("ended", WHOLE, nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("hits_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("case_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("promise", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("acceptance", sa.Text(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("open", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("closing", sa.Text(), nullable=True),
        sa.CheckConstraint("role in ('requester', 'responder')", name="ck_matches_role"),
        sa.PrimaryKeyConstraint("match", name="pk_matches"),
    )
    op.create_index("ix_matches_agreement", "matches", ["agreement"], unique=False)
    op.create_index("ix_matches_settled", "matches", ["settled"], unique=False)
    op.create_index("ix_matches_started", "matches", ["started"], unique=False)
    op.create_table(
        "epochs",
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("epoch", WHOLE, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("normaliser", sa.String(length=32), nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("padded_size", WHOLE, nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("published", WHOLE, nullable=True),
        sa.Column("created", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.name"], name="fk_epochs_dataset"),
        sa.PrimaryKeyConstraint("dataset", "epoch", name="pk_epochs"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("bytes", WHOLE, nullable=False),
        sa.Column("rows", WHOLE, nullable=False),
        sa.Column("accepted", WHOLE, nullable=False),
        sa.Column("duplicates", WHOLE, nullable=False),
        sa.Column("rejected", WHOLE, nullable=False),
        sa.Column("column", WHOLE, nullable=False),
        sa.Column("delimiter", sa.String(length=16), nullable=False),
        sa.Column("region", sa.String(length=2), nullable=True),
        sa.Column("extractor", sa.String(length=32), nullable=False),
        sa.Column("imported", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.name"], name="fk_sources_dataset"),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
    )
    op.create_index("ix_sources_dataset", "sources", ["dataset"], unique=False)
    op.create_table(
        "records",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("dataset", sa.String(length=63), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("line", WHOLE, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.name"], name="fk_records_dataset"),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_records_source"),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_records_source", "records", ["source"], unique=False)
    op.create_index("uq_records_dataset_lookup", "records", ["dataset", "lookup"], unique=True)
    op.create_table(
        "rejects",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("line", WHOLE, nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_rejects_source"),
        sa.PrimaryKeyConstraint("source", "line", name="pk_rejects"),
    )


def downgrade() -> None:
    """There is nothing before this."""
    raise NotImplementedError("the first shape has no predecessor")
