"""What brings a node's database to its present shape (Alembic)."""
