"""What a match takes of a node's memory, process by process."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.path import SHARED, WAIT_SECONDS, standing
from bench.report import Figure, progress
from tests.support.federation import RunningPair, running_pair
from tests.support.identifiers import phones

ELEMENTS = 2**16
FEW = 64
RESET_PEAK = "5"
"""Written to `clear_refs`, sets VmHWM to what is resident now (proc(5))."""


def memory_node() -> Iterator[Figure]:
    """The highest growth of one process during an `ecdh` match, over its rest, by an element of one side."""
    with (
        tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder,
        running_pair(Path(folder) / "federation") as pair,
    ):
        for dataset, count, shared in (("few", FEW, FEW), ("phones", ELEMENTS, SHARED)):
            pair.load(pair.bank, dataset, "phone", phones(count))
            pair.load(pair.ngo, dataset, "phone", phones(count, start=count - shared))
        pair.agree(standing(pair, units=2 * ELEMENTS, datasets=("few", "phones")))
        _restart_nodes(pair)  # what an import has left behind would hide what a match takes
        _match(pair, "few", FEW)  # starts the workers and lets them import
        before = {process: _status(process, "VmRSS") for process in _processes(pair)}
        for process in before:
            Path(f"/proc/{process}/clear_refs").write_text(RESET_PEAK, encoding="ascii")
        _match(pair, "phones", SHARED)
        if set(_processes(pair)) != set(before):
            raise RuntimeError("a process ended or began during the match")
        growth = {process: _status(process, "VmHWM") - resident for process, resident in before.items()}
        for process, resident in before.items():
            progress(f"  {resident >> 20} MiB at rest, {growth[process] >> 20} MiB more at its peak")
    yield Figure("memory.node", ELEMENTS, round(max(growth.values()) / ELEMENTS), "bytes")


def _restart_nodes(pair: RunningPair) -> None:
    for member in pair.members:
        pair.federation.kill(member.partner)
        pair.federation.run_node(member)
    pair.wait_until_ready()


def _match(pair: RunningPair, dataset: str, hits: int) -> None:
    match = pair.bank.match(
        dataset=dataset,
        with_=f"{pair.ngo_id}/{dataset}",
        purpose="payment-screening",
        basis="gdpr-6-1-f",
        case="bench",
    )
    if len(match.wait(timeout=WAIT_SECONDS).hits) != hits:
        raise RuntimeError("the match is wrong")


def _processes(pair: RunningPair) -> list[int]:
    """Both nodes and everything that they have started."""
    found = [pair.federation.process_ids[member.partner] for member in pair.members]
    for process in found:  # grows while we look
        found += map(int, Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split())
    return found


def _status(process: int, name: str) -> int:
    """A size of `/proc/PID/status`, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
