"""Withdrawals, revocations, rotated keys."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Says of epochs since when they are withdrawn; keeps revocations and past cards, own ones and those of peers."""
    op.add_column("epochs", sa.Column("withdrawn", sa.Integer(), nullable=True))
    with op.batch_alter_table("confirmed_partners") as confirmed_partners:
        confirmed_partners.add_column(sa.Column("past", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("confirmed_partners") as confirmed_partners:
        confirmed_partners.alter_column("past", server_default=None)
    op.create_table(
        "revocations",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.String(length=64), nullable=True),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_revocations"),
    )
    op.create_index("ix_revocations_type_name", "revocations", ["type", "name"])
    op.create_table(
        "revocation_cursor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revocation_cursor"),
    )
    op.create_table(
        "past_cards",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("rotation", sa.Text(), nullable=False),
        sa.Column("replaced", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_past_cards"),
    )
