"""What holds for every test: one Hypothesis profile, what may take longest goes first, and PostgreSQL for who asks.

Files of tests are written where no disk is waited for, and what all tests share is not searched for garbage each time.
"""

import gc
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.support.lighter_process import OBJECTS_BETWEEN_COLLECTIONS
from tests.support.postgresql import PostgresServer, start_postgresql
from tests.support.scale import SOAKING
from tests.support.shared_statements import share_compiled_statements

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30
"""Many times what the files of a run take."""

# The same examples in every run, no time limit that a busy machine could miss.
settings.register_profile("deterministic", derandomize=True, deadline=None, database=None)
settings.load_profile("deterministic")


def pytest_configure() -> None:
    """Temporary directories in memory, if it has room: no power is cut here, for which databases would wait for a disk.

    A soak, in which there is time, writes to the disk.
    """
    if not SOAKING and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    share_compiled_statements()


def pytest_collection_finish() -> None:
    """What is there before the first test stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the longest time limits come first, so that no worker is left alone with one at the end."""
    limits: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        marker = item.get_closest_marker("timeout")
        limits[item.path] = max(limits[item.path], marker.args[0] if marker and marker.args else 0.0)
    items.sort(key=lambda item: -limits[item.path])


@pytest.fixture(autouse=True)
def logs_are_set_up_anew() -> Iterator[None]:
    """A test that sets up logging, as a process does at its start, does it for itself: pytest closes its streams."""
    root, structured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    if root.handlers != handlers:
        root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**structured)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the tests of one process, started by the first that asks for it."""
    server = start_postgresql()
    try:
        yield server
    finally:
        server.stop()
