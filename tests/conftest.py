"""What holds for every test: one Hypothesis profile, what may take longest goes first, and PostgreSQL for who asks."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.postgresql import PostgresServer, start_postgresql

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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the tests of one process, started by the first that asks for it."""
    server = start_postgresql()
    try:
        yield server
    finally:
        server.stop()
