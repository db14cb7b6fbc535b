"""Frames, stored and forwarded. The broker sees ciphertext and sizes, nothing else."""
