"""What matches keep since a result may go to either side, or be a number only."""

import sqlalchemy as sa
from alembic import op

from tacita_node.storage import WHOLE

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds mode, receiver and partitions, and counts as charged here only what this node sent."""
    with op.batch_alter_table("matches") as matches:
        matches.alter_column("sender_count", new_column_name="responder_count")
        matches.add_column(sa.Column("mode", sa.String(), nullable=False, server_default="intersection"))
        matches.add_column(sa.Column("result_to", sa.String(), nullable=False, server_default="requester"))
        matches.add_column(sa.Column("partitions", WHOLE, nullable=True))
    with op.batch_alter_table("matches") as matches:
        matches.alter_column("mode", server_default=None)
        matches.alter_column("result_to", server_default=None)
    op.execute("UPDATE matches SET partitions = 1 WHERE acceptance IS NOT NULL")
    op.execute("UPDATE matches SET units = 0 WHERE role = 'requester'")
