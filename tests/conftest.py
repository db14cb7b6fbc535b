"""What holds for every test: one Hypothesis profile, and what may take longest goes first."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, no time limit that a busy machine could miss.
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the longest time limits come first, so that no worker is left alone with one at the end."""
    limits: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        marker = item.get_closest_marker("timeout")
        limits[item.path] = max(limits[item.path], marker.args[0] if marker and marker.args else 0.0)
    items.sort(key=lambda item: -limits[item.path])
