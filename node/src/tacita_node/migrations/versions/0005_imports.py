"""Imports in many small transactions: a source is staged until its last one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Says of sources whether they are staged and which rules read them. Datasets without a record go: an import whose
    every line was rejected used to leave one.
    """
    op.add_column("sources", sa.Column("normaliser", sa.String(length=32), nullable=True))
    op.add_column("sources", sa.Column("staged", sa.Boolean(), nullable=False, server_default=sa.false()))
    empty = "SELECT name FROM datasets WHERE revision = 0"
    op.execute(f"DELETE FROM rejects WHERE source IN (SELECT id FROM sources WHERE dataset IN ({empty}))")  # noqa: S608
    op.execute(f"DELETE FROM sources WHERE dataset IN ({empty})")  # noqa: S608 - a constant
    op.execute("DELETE FROM datasets WHERE revision = 0")
