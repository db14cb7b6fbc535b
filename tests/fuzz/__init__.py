"""Fuzzing of every parser of foreign bytes: `make fuzz`, and a short deterministic run in the suite."""
