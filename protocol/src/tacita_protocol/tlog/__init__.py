"""The transparency log as bytes: hashing, tiles, notes, checkpoints, trust, proofs, and what an entry holds."""
