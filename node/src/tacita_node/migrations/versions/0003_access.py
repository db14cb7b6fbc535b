"""Tokens with several roles, an end, and a name."""

import sqlalchemy as sa
from alembic import op

from tacita_node.storage import WHOLE
from tacita_protocol.crypto.randomness import random_hex

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keeps the tokens that exist, each with the one role that it had, for 90 days from its issue."""
    # Read and dropped first: PostgreSQL would keep the old table's constraint under the name that the new one needs.
    kept = op.get_bind().execute(sa.text("SELECT hash, role, issued FROM api_tokens")).all()
    op.drop_table("api_tokens")
    tokens = op.create_table(
        "api_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("roles", sa.String(length=64), nullable=False),
        sa.Column("issued", WHOLE, nullable=False),
        sa.Column("expires", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_api_tokens"),
        sa.UniqueConstraint("id", name="uq_api_tokens_id"),
    )
    rows = [
        {
            "hash": kept_hash,
            "id": random_hex(8),
            "name": "",
            "roles": role,
            "issued": issued,
            "expires": issued + 90 * 24 * 3600,
        }
        for kept_hash, role, issued in kept
    ]
    op.bulk_insert(tokens, rows)
