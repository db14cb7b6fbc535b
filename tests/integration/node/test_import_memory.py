"""An import's memory does not grow with its file. In a process of its own: memory that a test has had stays with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.import_memory import FILLING, LARGE_ROWS, SMALL_ROWS

BOUND = 40 * 2**20


def test_a_file_three_times_as_large_takes_hardly_more_memory(tmp_path: Path) -> None:
    assert (LARGE_ROWS - SMALL_ROWS) * len(FILLING) > 60_000_000  # what would have to be held of the large file
    command = [sys.executable, "-m", "tests.support.import_memory", str(tmp_path)]
    # One heap: with one for each thread, how much of them lies idle depends on which thread did what.
    one_heap = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=one_heap)
    [grown] = json.loads(done.stdout)
    assert grown < BOUND
