"""What was forgotten of used requests, so that a clock that is set back lets none of them in again."""

import sqlalchemy as sa
from alembic import op

from tacita_broker.storage import WHOLE

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Keep the time up to which nonces were forgotten."""
    op.create_table(
        "nonce_horizon",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("expires", WHOLE, nullable=False),
        sa.CheckConstraint("id = 1", name="one"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nonce_horizon")),
    )
