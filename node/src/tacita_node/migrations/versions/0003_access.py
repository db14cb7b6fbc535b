"""Tokens with several roles, an end, and a name."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keeps the tokens that exist, each with the one role that it had, for 90 days from its issue."""
    op.rename_table("api_tokens", "api_tokens_of_one_role")
    op.create_table(
        "api_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("roles", sa.String(length=64), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_api_tokens"),
        sa.UniqueConstraint("id", name="uq_api_tokens_id"),
    )
    op.execute(
        "INSERT INTO api_tokens (hash, id, name, roles, issued, expires) "
        "SELECT hash, lower(hex(randomblob(8))), '', role, issued, issued + 90 * 24 * 3600 "
        "FROM api_tokens_of_one_role"
    )
    op.drop_table("api_tokens_of_one_role")
