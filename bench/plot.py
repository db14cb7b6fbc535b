"""`python -m bench.plot`: draw the kept results into `.bench/plots/`."""

import subprocess
import sys

from bench.environment import ROOT, interpreter
from bench.records import RESULTS
from bench.report import progress

PLOTS = ROOT / ".bench" / "plots"


def main() -> int:
    """Draw, in the environment that has the library for it; returns the exit code."""
    if not RESULTS.exists():
        progress("there are no results yet: run `make bench` first")
        return 1
    return subprocess.run([interpreter(), "-m", "bench.draw", PLOTS], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
