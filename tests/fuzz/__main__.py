"""`python -m tests.fuzz [TARGET ...] [--seconds 300] [--jobs 2]`: coverage-guided fuzzing with atheris.

Each target has a process of its own (atheris is one run a process) and a growing corpus in `.fuzz/TARGET/`. Ends with 1
if anything was found: the input is in `.fuzz/TARGET.crash-*`, and `python -m tests.fuzz.one TARGET FILE` repeats it.
"""

import argparse
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.seeds import seeds_of
from tests.fuzz.targets import TARGETS

ROOT = Path(".fuzz")
MAX_INPUT_BYTES = 8192
MAX_MEMORY_MIB = 2048
SLOW_INPUT_SECONDS = 10
MARGIN_SECONDS = 60
_RUNS = re.compile(r"Done (\d+) runs")


def main() -> int:
    """Fuzz the named targets, or all; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET", help="; ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once")
    asked = parser.parse_args()
    names = asked.targets or list(TARGETS)
    with ThreadPoolExecutor(asked.jobs) as together:
        clean = list(together.map(lambda name: fuzz(name, asked.seconds), names))
    return 0 if all(clean) else 1


def fuzz(name: str, seconds: int) -> bool:
    """One target for so many seconds; says how it went, and whether nothing was found."""
    corpus = ROOT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": MAX_INPUT_BYTES,
        "timeout": SLOW_INPUT_SECONDS,
        "rss_limit_mb": MAX_MEMORY_MIB,
        "artifact_prefix": f"{corpus}.",
    }
    command = [sys.executable, "-m", "tests.fuzz.one", name, *(f"-{key}={value}" for key, value in options.items())]
    started = time.monotonic()
    # A loop without an end inside the library would not see libFuzzer's own limit of time.
    done = subprocess.run(
        [*command, str(corpus)], capture_output=True, text=True, check=False, timeout=seconds + MARGIN_SECONDS
    )
    runs = _RUNS.search(done.stderr)
    clean = done.returncode == 0 and runs is not None
    said = f"{int(runs[1]):>10,} inputs" if runs else " " * 17
    print(f"{'clean' if clean else 'FOUND':5} {name:40} {said} {time.monotonic() - started:6.0f} s", flush=True)
    if not clean:
        print(done.stderr[-4000:], file=sys.stderr, flush=True)
    return clean


if __name__ == "__main__":
    raise SystemExit(main())
