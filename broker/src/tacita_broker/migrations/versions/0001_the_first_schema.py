"""The first schema. Broker and log; there is no way back: a database is restored from a backup."""

import sqlalchemy as sa
from alembic import op

from tacita_broker.storage import WHOLE

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "log_checkpoints",
        sa.Column("size", WHOLE, autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("pinned", WHOLE, nullable=False),
        sa.Column("quorum", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_log_checkpoints")),
    )
    op.create_table(
        "log_head",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name="one"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_stage",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_log_stage")),
    )
    op.create_table(
        "nonces",
        sa.Column("keyid", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("keyid", "nonce", name=op.f("pk_nonces")),
    )
    op.create_index("ix_nonces_expires", "nonces", ["expires"], unique=False)
    op.create_table(
        "partners",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("card_digest", sa.Text(), nullable=False),
        sa.Column("signing_key", sa.Text(), nullable=False),
        sa.Column("witness_key", sa.Text(), nullable=False),
        sa.Column("enrolled", WHOLE, nullable=False),
        sa.Column("approved", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("partner", name=op.f("pk_partners")),
        sa.UniqueConstraint("card_digest", name=op.f("uq_partners_card_digest")),
        sa.UniqueConstraint("signing_key", name=op.f("uq_partners_signing_key")),
        sa.UniqueConstraint("witness_key", name=op.f("uq_partners_witness_key")),
    )
    op.create_table(
        "trust_files",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("issued", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_files")),
    )
    op.create_table(
        "agreements",
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("proposer", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=True),
        sa.Column("received", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["first"], ["partners.partner"], name=op.f("fk_agreements_first")),
        sa.ForeignKeyConstraint(["second"], ["partners.partner"], name=op.f("fk_agreements_second")),
        sa.PrimaryKeyConstraint("agreement", name=op.f("pk_agreements")),
    )
    op.create_index(op.f("ix_agreements_digest"), "agreements", ["digest"], unique=False)
    op.create_index(op.f("ix_agreements_first"), "agreements", ["first"], unique=False)
    op.create_index(op.f("ix_agreements_second"), "agreements", ["second"], unique=False)
    op.create_table(
        "datasets",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("epoch", WHOLE, autoincrement=False, nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("published", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["partner"], ["partners.partner"], name=op.f("fk_datasets_partner")),
        sa.PrimaryKeyConstraint("partner", "dataset", "epoch", name=op.f("pk_datasets")),
    )
    op.create_table(
        "inbox",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("match", sa.Text(), nullable=True),
        sa.Column("agreement", sa.Text(), nullable=True),
        sa.Column("posted", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["partner"], ["partners.partner"], name=op.f("fk_inbox_partner")),
        sa.PrimaryKeyConstraint("partner", "seq", name=op.f("pk_inbox")),
    )
    op.create_table(
        "invitations",
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("expires", WHOLE, nullable=False),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["used_by"], ["partners.partner"], name=op.f("fk_invitations_used_by")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_invitations")),
    )
    op.create_table(
        "log_cosignatures",
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("received", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["size"], ["log_checkpoints.size"], name=op.f("fk_log_cosignatures_size")),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_log_cosignatures")),
    )
    op.create_table(
        "log_entries",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("queued", WHOLE, nullable=False),
        sa.Column("position", WHOLE, nullable=True),
        sa.Column("proof_size", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["proof_size"], ["log_checkpoints.size"], name=op.f("fk_log_entries_proof_size")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_entries")),
        sa.UniqueConstraint("position", name=op.f("uq_log_entries_position")),
        sa.UniqueConstraint("reference", name=op.f("uq_log_entries_reference")),
    )
    op.create_index(
        "ix_log_entries_unproved",
        "log_entries",
        ["position"],
        unique=False,
        sqlite_where=sa.text("proof_size IS NULL"),
        postgresql_where=sa.text("proof_size IS NULL"),
    )
    op.create_index(
        "ix_log_entries_waiting",
        "log_entries",
        ["id"],
        unique=False,
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "matches",
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("responder", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received", WHOLE, nullable=False),
        sa.Column("units", WHOLE, nullable=False),
        sa.Column("deadline", WHOLE, nullable=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("promise", sa.Text(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("opening_disclosures", sa.Text(), nullable=True),
        sa.Column("opening", sa.Text(), nullable=True),
        sa.Column("acceptance", sa.Text(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("open", sa.Text(), nullable=True),
        sa.Column("requester_receipt", sa.Text(), nullable=True),
        sa.Column("responder_receipt", sa.Text(), nullable=True),
        sa.Column("closing_disclosures", sa.Text(), nullable=True),
        sa.Column("closing", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["requester"], ["partners.partner"], name=op.f("fk_matches_requester")),
        sa.ForeignKeyConstraint(["responder"], ["partners.partner"], name=op.f("fk_matches_responder")),
        sa.PrimaryKeyConstraint("match", name=op.f("pk_matches")),
    )
    op.create_index(op.f("ix_matches_requester"), "matches", ["requester"], unique=False)
    op.create_index(op.f("ix_matches_responder"), "matches", ["responder"], unique=False)
    op.create_index("ix_matches_state_deadline", "matches", ["state", "deadline"], unique=False)
    op.create_table(
        "frames",
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["match"], ["matches.match"], name=op.f("fk_frames_match")),
        sa.PrimaryKeyConstraint("match", "direction", "seq", name=op.f("pk_frames")),
    )
