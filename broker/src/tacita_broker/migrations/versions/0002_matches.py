"""What matches keep since results may go to either side."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Changes nothing yet."""
