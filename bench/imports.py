"""A million phone numbers into a node, from a file to records that can be matched, and into its next epochs."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.environment import run_peer
from bench.report import Figure, progress
from tacita_node.config import NodeDirectory, Settings
from tacita_node.data.imports import Imported, ImportOrder
from tacita_node.services import NodeServices, open_services
from tacita_protocol.crypto.digest import sha256
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import TestClock, prepared

ROWS = 10**6
MORE = 1_000
"""Numbers that a second, longer file adds."""

PEER_ROWS = 20_000
WORKERS = 2
ORDER = ImportOrder("phones", Kind.PHONE, "phone", "GB")


def import_phones() -> Iterator[Figure]:
    """10^6 phones: send, normalise, encrypt, store, on two worker processes; then the same file with 1,000 more."""
    with tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder:
        yield from asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> list[Figure]:
    numbers = [f"+44740{number:07}" for number in range(ROWS + MORE)]  # every one can be assigned
    peer = _by_library(numbers[:PEER_ROWS], folder / "numbers")
    files = [folder / "phones.csv", folder / "more.csv"]
    for file, count in zip(files, (ROWS, ROWS + MORE), strict=True):
        file.write_text("\n".join(["name,phone", *(f"somebody,{number}" for number in numbers[:count])]))
    del numbers
    clock = TestClock()
    broker = BrokerSimulator(clock)
    identity = await prepared(folder / "node", broker, clock=clock, partner="north-bank", kind=PartnerKind.BANK)
    settings = Settings(workers=WORKERS)
    async with open_services(NodeDirectory(folder / "node"), settings, identity, clock=clock) as services:
        warm = services.datasets.import_source(b"phone\n07911 123456\n", ImportOrder("warm", Kind.PHONE, None, "GB"))
        await warm  # the workers start and read their tables, which is no part of an import
        took = [await _import(services, file) for file in files]
        epochs = [await _epoch(services, f"first epoch of {ROWS + MORE}")]
        await services.datasets.import_source(b"phone\n07911 123456\n", ORDER)
        epochs.append(await _epoch(services, "next epoch, one record more"))
    return [
        Figure("import.phones", ROWS, round(took[0], 1), "s", "phonenumbers, one thread", round(took[0] / peer, 3)),
        Figure("import.phones.again", ROWS + MORE, round(took[1], 1), "s"),
        Figure("import.phones.first-epoch", ROWS + MORE, round(epochs[0], 1), "s"),
        Figure("import.phones.next-epoch", ROWS + MORE + 1, round(epochs[1], 1), "s"),
    ]


async def _import(services: NodeServices, file: Path) -> float:
    began = time.perf_counter()
    uploads = services.datasets.uploads
    data = await asyncio.to_thread(file.read_bytes)
    upload = await uploads.begin(await asyncio.to_thread(sha256, data), len(data))
    for number in range(upload.pieces):
        at = number * upload.piece_bytes
        await uploads.put(upload.name, number, data[at : at + upload.piece_bytes])
    del data
    done = await services.imports.run(upload, ORDER, wait=3_600)
    took = time.perf_counter() - began
    if not isinstance(done, Imported) or done.rejected or done.accepted + done.duplicates != done.rows:
        raise RuntimeError("the import is wrong")
    progress(f"  {done.rows} rows, {done.accepted} new: {took:.1f} s; {_resources()}")
    return took


async def _epoch(services: NodeServices, what: str) -> float:
    began = time.perf_counter()
    await services.datasets.latest_epoch(ORDER.dataset)
    took = time.perf_counter() - began
    progress(f"  {what}: {took:.1f} s; {_resources()}")
    return took


def _by_library(numbers: list[str], file: Path) -> float:
    """Seconds in which the reference library alone would read and check a million of them, in one thread."""
    file.write_text("".join(f"{number}\n" for number in numbers), encoding="ascii")
    peer = run_peer("phonenumbers_alone", file)
    if peer.count != len(numbers):
        raise RuntimeError("a number is not valid")
    took = peer.seconds * ROWS / len(numbers)
    progress(f"  phonenumbers alone, one thread: {took:.1f} s for {ROWS} numbers")
    return took


def _resources() -> str:
    """Memory of this process, the highest and now, and processor time of it and its workers so far."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    tasks = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    seconds = 0.0
    for entry in tasks:
        try:
            fields = (entry / "stat").read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if entry.name == str(os.getpid()) or fields[1] == str(os.getpid()):
            seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    memory = ", ".join(f"{name} {int(status[name].split()[0]) // 1024} MiB" for name in ("VmHWM", "VmRSS"))
    return f"{memory}, {seconds:.0f} CPU s since the start"
