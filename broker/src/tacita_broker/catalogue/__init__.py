"""Dataset cards: publishing them, and who may discover which."""
