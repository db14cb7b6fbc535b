"""Tokens with several roles, an end, and a name."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes nothing yet."""
