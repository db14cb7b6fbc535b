"""What a node needs of its own machine: keys that nobody else may read, workers, a policy, a database, and room."""

import asyncio
import os
import shlex
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tacita_node.config import NodeDirectory
from tacita_node.services import NodeServices
from tacita_node.storage import Database
from tacita_node.workers import Workers
from tacita_policies.decision import DecisionPoint, Entrypoint, Failure
from tacita_policies.example import EXAMPLE
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import ProtocolError
from tacita_protocol.identifiers.token import SESSION_ID_SIZE
from tacita_protocol.psi.engine import RunParameters, Task, run_locally
from tacita_protocol.psi.engines import ENGINE_NAMES, engine_named
from tacita_sdk.node_api import Finding
from tacita_sdk.node_api.base import MAX_TEXT

LITTLE_ROOM = 2**30
NO_ROOM = 64 * 2**20
"""Bytes that are free, below which there is a warning, or a failure."""
HANDED_OVER = (Path("/run/secrets"), Path("/run/credentials"))
"""Where containers and systemd put what they hand over to one service."""
ENGINE_SECONDS = 30.0
COMMON, TRIED = 2, 3
"""Elements that both sides of the trial hold, and elements of each."""


def keys(directory: NodeDirectory, passphrase_file: Path | None = None) -> Finding:
    """Whether only this user reads the node's directory and its passphrase, and no change of keys is unfinished."""
    open_to_others = [
        path.name
        for path in (directory.root, directory.keys, directory.next_keys)
        if path.exists() and path.stat().st_mode & 0o077
    ]
    if open_to_others:
        found = f"Others on this machine may read: {', '.join(open_to_others)}."
        return Finding(check="keys", status="warning", found=found, fix="Run `chmod -R go= DIR`.")
    if passphrase_file is not None and _others_read(passphrase_file):
        found = "Others on this machine may read the file with the passphrase, which opens keys.sealed."
        fix = f"Run `chmod 600 {shlex.quote(str(passphrase_file))}`."
        return Finding(
            check="keys",
            status="warning",
            found=found,
            fix=fix if len(fix) <= MAX_TEXT else "Run `chmod 600` on that file.",
        )
    if directory.rotation.exists():
        fix = "Stop the node and run `tacita-node rotate DIR`, which finishes it."
        return Finding(check="keys", status="warning", found="A change of keys was begun and not finished.", fix=fix)
    return Finding(check="keys", status="ok", found="They fit the card, and only this user reads them.")


async def engines(workers: Workers) -> list[Finding]:
    """Whether each engine finds what two small sets have in common, computing where matches compute."""
    return [await _engine(name, workers) for name in ENGINE_NAMES]


async def policy(point: DecisionPoint) -> Finding:
    """Whether the decision point decides, and by which bundle."""
    decision = await point.decide(Entrypoint.NODE_RESPOND, EXAMPLE)
    failures = {reason.code for reason in decision.reasons} & set(Failure)
    if failures:
        found = f"The policy decides nothing: {', '.join(sorted(failures))}."
        fix = "See the node's log, and the own rules in its folder policies/; then restart the node."
        return Finding(check="policy", status="failed", found=found, fix=fix)
    return Finding(check="policy", status="ok", found=f"It decides; digest of the bundle: {point.digest}.")


async def database(opened: Database) -> Finding:
    """Whether the database can be written."""
    try:
        async with opened.write() as session:
            await session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        found = "The database cannot be written: the disk is full or read-only, or another process holds it."
        fix = "Make room, see that the disk is mounted writable, and that no copy of this node runs."
        return Finding(check="database", status="failed", found=found, fix=fix)
    return Finding(check="database", status="ok", found="It can be written.")


def disk(directory: NodeDirectory) -> Finding:
    """Whether there is room, and a file can be written down for good."""
    try:
        free = shutil.disk_usage(directory.root).free
        with tempfile.TemporaryFile(dir=directory.root) as file:
            file.write(bytes(4_096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        found = f"Nothing can be written into the node's directory: {error.strerror}."
        fix = "Make room, and see that the disk is mounted writable and belongs to the node's user."
        return Finding(check="disk", status="failed", found=found, fix=fix)
    found = f"{free / 2**30:.1f} GiB are free."
    fix = "Make room on the disk of the node's directory: frames, results and imports are kept there."
    if free < LITTLE_ROOM:
        return Finding(check="disk", status="failed" if free < NO_ROOM else "warning", found=found, fix=fix)
    return Finding(check="disk", status="ok", found=found)


async def examine_machine(services: NodeServices) -> list[Finding]:
    """All of these."""
    return [
        await asyncio.to_thread(keys, services.directory, services.passphrase_file),
        *await engines(services.pool),
        await policy(services.decision_point),
        await database(services.database),
        await asyncio.to_thread(disk, services.directory),
    ]


def _others_read(file: Path) -> bool:
    """Whether a file is open to others than its owner; one that a service manager hands over is protected by it."""
    try:
        mode = file.stat().st_mode
        place = file.resolve()
    except OSError:  # taken away since the start, as it may be
        return False
    handed_over = any(place.is_relative_to(folder) for folder in HANDED_OVER)
    return stat.S_ISREG(mode) and bool(mode & 0o044) and not handed_over


async def _engine(name: str, workers: Workers) -> Finding:
    fix = "See the node's log and the machine's memory; restart the node, which starts its workers anew."
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            found = await _trial(name, workers)
    except TimeoutError:
        late = f"The engine {name} did not finish three elements within {ENGINE_SECONDS:.0f} s."
        return Finding(check="engine", status="failed", found=late, fix=fix)
    except ProtocolError:
        return Finding(check="engine", status="failed", found=f"The engine {name} fails.", fix=fix)
    if found != COMMON:
        return Finding(check="engine", status="failed", found=f"The engine {name} computes wrongly.", fix=fix)
    return Finding(check="engine", status="ok", found=f"{name} finds what two small sets have in common.")


async def _trial(name: str, workers: Workers) -> int:
    loop = asyncio.get_running_loop()
    engine = engine_named(name)
    tokens = np.frombuffer(random_bytes(32 * (2 * TRIED - COMMON)), dtype=np.uint8).reshape(-1, 32)
    parameters = RunParameters(random_bytes(SESSION_ID_SIZE), 0, 0, TRIED, TRIED, chunks=1)

    def run_tasks(tasks: tuple[Task, ...]) -> list[Any]:
        return asyncio.run_coroutine_threadsafe(workers.run(tasks), loop).result(ENGINE_SECONDS)

    def both() -> int:
        receiver = engine.receive(tokens[:TRIED], parameters)
        sender = engine.send(tokens[-TRIED:], parameters)
        return run_locally(receiver, sender, run_tasks=run_tasks).count

    return await asyncio.to_thread(both)
