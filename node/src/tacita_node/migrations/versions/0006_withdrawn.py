"""A match says itself whether its own set was withdrawn when it began, since whole seconds leave that open."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds `own_withdrawn`. Of a running match it is what the times say, as they were read until now."""
    op.add_column("matches", sa.Column("own_withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE matches SET own_withdrawn = true WHERE role = 'requester' AND EXISTS (SELECT 1 FROM epochs "
        "WHERE epochs.dataset = own_dataset AND epochs.epoch = own_epoch AND epochs.withdrawn < matches.started)"
    )
