"""The clock of every peer."""

import json
import time
from collections.abc import Callable


def print_measured(work: Callable[[], int]) -> None:
    """Run `work` once and print what it took; its result is the count of what it found."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = work()
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "count": count}))
