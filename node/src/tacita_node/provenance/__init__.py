"""Where a record came from."""
