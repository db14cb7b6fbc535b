"""What the log takes, and how fast its proofs are checked: log service and protocol in this process."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.report import Figure, progress
from tacita_broker.bell import Bell
from tacita_broker.config import Limits
from tacita_broker.log.service import QUEUED, LogService
from tacita_broker.log.store import queue_entry
from tacita_broker.storage import Database
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.tlog.entry import build_card_entry
from tacita_protocol.tlog.merkle import inclusion_proof, leaf_hash, verify_inclusion
from tacita_protocol.tlog.proof import LogProof
from tests.support.broker_log import NOW, SIGNER, LogBench, log_bench, make_template
from tests.support.memory_log import MemoryLog

ENTRIES = 20_000
TOGETHER = 256
"""Entries of one transaction in `log.append`: the database's own speed is not what it is about."""

SINGLE = 2_000
WRITERS = 16
WARM_UP = 512
LOOK_SECONDS = 0.002
WAIT_SECONDS = 600.0

TREE = 70_000
PROOFS = 20_000
SIGNED_PROOFS = 2_000


def log_append() -> Iterator[Figure]:
    """Entries handed to a running log service, until all stand in the published tree; all of it on the disk."""
    with tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder:
        template = make_template(Path(folder) / "empty.db")
        rates = asyncio.run(_append(Path(folder), template))
    yield Figure("log.append", ENTRIES, round(rates[0]), "entries/s")
    yield Figure("log.append.single", SINGLE, round(rates[1]), "entries/s")


async def _append(root: Path, template: Path) -> tuple[float, float]:
    async with log_bench(root, template) as made:
        bell = Bell()
        service = LogService(made.database, root / "log", SIGNER, Limits(), lambda: NOW, bell)
        await service.recover()
        running = asyncio.create_task(service.run())
        try:
            await _hand_in(made, service, bell, _names("warm", WARM_UP), TOGETHER, writers=1)
            together = await _hand_in(made, service, bell, _names("many", ENTRIES), TOGETHER, writers=1)
            single = await _hand_in(made, service, bell, _names("one", SINGLE), 1, writers=WRITERS)
        finally:
            bell.stop()
            await running
    progress(
        f"  {TOGETHER} a transaction: {ENTRIES / together:.0f}/s; {WRITERS} writers, one each: {SINGLE / single:.0f}/s"
    )
    return ENTRIES / together, SINGLE / single


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}-{number}" for number in range(count)]


async def _hand_in(
    made: LogBench, service: LogService, bell: Bell, names: Sequence[str], size: int, *, writers: int
) -> float:
    """Seconds from the first transaction until the published tree has all entries."""
    entries = [(name, build_card_entry("dataset-card", digest_of(name.encode()), NOW)) for name in names]
    goal = service.sequencer.head.size + len(entries)
    waiting = iter([entries[at : at + size] for at in range(0, len(entries), size)])

    async def write(database: Database) -> None:
        for part in waiting:
            async with database.write() as session:
                for reference, entry in part:
                    await queue_entry(session, reference, entry, now=NOW)
            bell.ring(QUEUED)

    began = time.perf_counter()
    await asyncio.gather(*(write(made.database) for _ in range(writers)))
    while service.sequencer.head.size < goal:
        if time.perf_counter() - began > WAIT_SECONDS:
            raise RuntimeError("the log did not take the entries in time")
        await asyncio.sleep(LOOK_SECONDS)
    took = time.perf_counter() - began
    if made.published.size != goal:
        raise RuntimeError("the log has other entries than were handed in")
    return took


def log_verify() -> Iterator[Figure]:
    """Inclusion proofs in one thread, from the entry to the root; then with the checkpoint's three signatures."""
    log = MemoryLog()
    entries = [build_card_entry("dataset-card", digest_of(f"{number}".encode()), log.now) for number in range(TREE)]
    for entry in entries:
        log.append(entry)
    checkpoint, note = log.checkpoint(), log.note()
    indices = range(0, TREE, TREE // PROOFS)[:PROOFS]
    proofs = [LogProof(index, tuple(inclusion_proof(index, TREE, log.read)), note) for index in indices]
    began = time.perf_counter()
    for proof in proofs:
        verify_inclusion(leaf_hash(entries[proof.index]), proof.index, TREE, proof.hashes, checkpoint.root)
    rate = PROOFS / (time.perf_counter() - began)
    began = time.perf_counter()
    for proof in proofs[:SIGNED_PROOFS]:
        proof.verify(entries[proof.index], log.trust)
    signed = SIGNED_PROOFS / (time.perf_counter() - began)
    progress(f"  {rate:.0f} proofs/s; with signatures {signed:.0f}/s")
    yield Figure("log.verify", PROOFS, round(rate), "proofs/s")
    yield Figure("log.verify.signed", SIGNED_PROOFS, round(signed), "proofs/s")
