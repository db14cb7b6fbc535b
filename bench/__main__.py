"""`python -m bench all|peers|NAME`: run benchmarks, one JSON line per figure, which is kept as well."""

import sys
from collections.abc import Sequence

from bench.records import Record, circumstances, keep
from bench.registry import BENCHMARKS, benchmark, selected
from bench.report import print_figure, progress

EXIT_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Run what the one argument names; returns the exit code."""
    names = selected(arguments[0]) if len(arguments) == 1 else []
    if not names:
        progress(f"usage: python -m bench all|peers|NAME   names: {' '.join(BENCHMARKS)}")
        return EXIT_USAGE
    for name in names:
        progress(f"{name} ...")
        around = circumstances()
        for figure in benchmark(name)():
            print_figure(figure)
            keep(Record(figure, around))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
