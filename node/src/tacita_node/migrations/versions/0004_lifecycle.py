"""Withdrawals, revocations, rotated keys. What earlier statements offered, agreed on or began has ended: the form of
dataset cards, agreements, requests and grants is another one since, and the earlier one is not read any more. Records,
budgets and released hits stay.
"""

import sqlalchemy as sa
from alembic import op

from tacita_node.storage import WHOLE

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Says of epochs since when they are withdrawn; keeps revocations, past cards, and the rotations of peers."""
    op.add_column("epochs", sa.Column("withdrawn", WHOLE, nullable=True))
    op.create_table(
        "revocations",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.String(length=64), nullable=True),
        sa.Column("issued", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_revocations"),
    )
    op.create_index("ix_revocations_type_name", "revocations", ["type", "name"])
    op.create_table(
        "revocation_cursor",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revocation_cursor"),
    )
    op.create_table(
        "past_cards",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("rotation", sa.Text(), nullable=False),
        sa.Column("replaced", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_past_cards"),
    )
    op.create_table(
        "peer_rotations",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("partner", sa.String(length=63), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("rotation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_peer_rotations"),
    )
    op.create_index("ix_peer_rotations_partner", "peer_rotations", ["partner"])
    op.execute("UPDATE epochs SET withdrawn = created, published = NULL, card = NULL WHERE card IS NOT NULL")
    op.execute("DELETE FROM agreements")
    op.execute(
        "UPDATE matches SET settled = true, ended = coalesce(ended, started), hits_sealed = NULL, "
        "state = CASE WHEN state IN ('denied', 'refused', 'aborted') THEN state ELSE 'aborted' END "
        "WHERE NOT settled"
    )
