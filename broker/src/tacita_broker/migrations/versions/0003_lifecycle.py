"""Withdrawals, revocations, rotated keys. What earlier statements offered, agreed on or began has ended: the form of
dataset cards, agreements, requests and grants is another one since, and the earlier one is not read any more.
"""

import sqlalchemy as sa
from alembic import op

from tacita_broker.storage import WHOLE

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Say of datasets and agreements since when they count no more; keep revocations and past keys."""
    op.add_column("datasets", sa.Column("withdrawn", WHOLE, nullable=True))
    op.add_column("agreements", sa.Column("ended", WHOLE, nullable=True))
    op.create_table(
        "past_keys",
        sa.Column("signing_key", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("rotation", sa.Text(), nullable=False),
        sa.Column("replaced", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["partner"], ["partners.partner"], name=op.f("fk_past_keys_partner")),
        sa.PrimaryKeyConstraint("signing_key", name=op.f("pk_past_keys")),
    )
    op.create_index(op.f("ix_past_keys_partner"), "past_keys", ["partner"], unique=False)
    op.create_table(
        "revocations",
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=True),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("received", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["partner"], ["partners.partner"], name=op.f("fk_revocations_partner")),
        sa.ForeignKeyConstraint(["agreement"], ["agreements.agreement"], name=op.f("fk_revocations_agreement")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_revocations")),
        sa.UniqueConstraint("digest", name=op.f("uq_revocations_digest")),
        sqlite_autoincrement=True,
    )
    op.execute("UPDATE datasets SET withdrawn = published")
    op.execute("UPDATE agreements SET ended = received")
    op.execute("UPDATE matches SET state = 'closed', deadline = NULL WHERE state NOT IN ('closing', 'closed')")
