"""What matches keep since results may go to either side."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Say of which epoch a match told the size of an intersection."""
    op.add_column("matches", sa.Column("cardinality_of", sa.Text(), nullable=True))
