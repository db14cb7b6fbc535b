"""The results that are kept: one JSON line per figure, with the circumstances in which it was measured."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.report import Figure

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".bench" / "results.jsonl"


@dataclass(frozen=True)
class Circumstances:
    """What a figure was measured on.

    Attributes:
        commit: the checked-out one, with a `+` behind it when tracked files differ from it.
        date: when the benchmark began, ISO 8601, UTC.
        cpu, cores: the processor's model, and how many processors this process may use.
        load: the machine's load average of one minute when the benchmark began.
    """

    commit: str
    date: str
    cpu: str
    cores: int
    load: float


@dataclass(frozen=True)
class Record:
    """One line of the results."""

    figure: Figure
    circumstances: Circumstances


def circumstances() -> Circumstances:
    """Those of now."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return Circumstances(
        commit=_git("rev-parse", "--short=10", "HEAD") + ("+" if changed else ""),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        cores=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 2),
    )


def cpu_model(cpuinfo: str) -> str:
    """The first model name in the text of `/proc/cpuinfo`, `unknown` where it has none."""
    names = (line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name"))
    return next(names, "unknown")


def record_line(record: Record) -> str:
    """The record as one line of JSON, without its end."""
    return json.dumps({**asdict(record.figure), **asdict(record.circumstances)})


def read_record(line: str) -> Record:
    """The record of one line.

    Raises:
        ValueError: it is no JSON object.
        KeyError: a field is missing.
    """
    fields: Mapping[str, object] = json.loads(line)
    figure = {name: fields[name] for name in Figure.__dataclass_fields__}
    around = {name: fields[name] for name in Circumstances.__dataclass_fields__}
    return Record(Figure(**figure), Circumstances(**around))  # type: ignore[arg-type]  # we wrote the line


def keep(record: Record, results: Path = RESULTS) -> None:
    """Append the record to the results."""
    results.parent.mkdir(exist_ok=True)
    with results.open("a", encoding="utf-8") as file:
        file.write(record_line(record) + "\n")


def kept(results: Path = RESULTS) -> list[Record]:
    """All results so far, in the order in which they were measured."""
    if not results.exists():
        return []
    return [read_record(line) for line in results.read_text(encoding="utf-8").splitlines()]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() or ("" if done.returncode == 0 else "unknown")
