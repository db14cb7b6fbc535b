"""One profile for every property test: the same examples in every run, no time limit that a busy machine could miss."""

from hypothesis import settings

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")
