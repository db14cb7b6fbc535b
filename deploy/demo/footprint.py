"""What the processes take: resident memory and processor time of each, and of the helpers that it started."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Weight:
    """Resident memory in units of 2^20 bytes; shared libraries count in every process that uses them."""

    own: float
    helpers: float


def weights(processes: Mapping[str, int]) -> dict[str, Weight]:
    """The weight of each process by name, from its process id. A process that has ended weighs nothing."""
    children = _children()
    return {
        name: Weight(_resident(pid), sum(_resident(helper) for helper in children.get(pid, ())))
        for name, pid in processes.items()
    }


def processor_seconds(process_ids: Iterable[int]) -> float:
    """The processor time that the processes and their helpers have taken until now."""
    children = _children()
    return sum(_ticks(one) for pid in process_ids for one in (pid, *children.get(pid, ()))) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    """User and system time, also of helpers that have ended (proc(5), `stat`, fields 14 to 17)."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return 0
    return sum(map(int, text.rpartition(")")[2].split()[11:15]))  # the name before it may hold spaces


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal() and (parent := _status(int(folder.name)).get("PPid")):
            found.setdefault(int(parent), []).append(int(folder.name))
    return found


def _resident(pid: int) -> float:
    kibibytes = _status(pid).get("VmRSS", "0 kB").split()[0]
    return int(kibibytes) / 1024


def _status(pid: int) -> dict[str, str]:
    try:
        text = (PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
