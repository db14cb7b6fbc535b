"""The ecdh engine on two cores, both roles, beside the library that it stands on, in one thread of its own process."""

import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.environment import interpreter, run_peer
from bench.report import Figure, progress
from tacita_protocol.crypto.random_arrays import random_permutation, random_tokens
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi.buckets import padded_count
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import Action, Compute, Found, Receive, RunParameters, Send, Task
from tacita_protocol.psi.openmined import library

ELEMENTS = 2**16
WORKERS = 2
MESSAGE_SECONDS = 600.0
"""How long one role waits for a message of the other: for ever would hide a failure."""
ROUNDS = 3
"""Ours and the peer's take turns; the ratio is the median of the pairs, because a machine's speed drifts."""


def ecdh_2_16() -> Iterator[Figure]:
    """2^16 elements against 2^16, half of them common: ours in a pool of two against the library in one thread."""
    n = ELEMENTS
    receiver = random_tokens(n)
    sender = np.concatenate((receiver[::2], random_tokens(n // 2)))[random_permutation(n)]
    expected = np.arange(0, n, 2)

    ours, theirs, efficiencies = [], [], []
    interpreter()  # installing is no part of what is measured
    with (
        tempfile.TemporaryDirectory(prefix="tacita-bench-") as folder,
        ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as executor,
    ):
        files = [_written(tokens, Path(folder) / name) for tokens, name in ((receiver, "asked"), (sender, "held"))]
        pool = _TimedPool(executor)
        pool.warm_up()
        for _ in range(ROUNDS):
            pool.reset()
            wall, cpu, rows = _measured(lambda: _match(receiver, sender, pool.run))
            _require(np.array_equal(rows, expected))
            ours.append(wall)
            efficiencies.append(pool.seconds / (WORKERS * wall))
            progress(
                f"  ours: {wall:.2f} s, pool efficiency {efficiencies[-1]:.1%}, tasks {pool.seconds:.2f} s "
                f"({pool.cpu_seconds:.2f} CPU s; much less means that the machine is busy), outside {cpu:.2f} CPU s"
            )

            peer = run_peer("openmined_psi", *files)
            _require(peer.count == len(expected))
            theirs.append(peer.seconds)
            progress(f"  {library()}, one thread: {peer.seconds:.2f} s, {peer.cpu_seconds:.2f} CPU s")
    progress(f"  pool efficiency: {max(efficiencies):.1%}")
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    yield Figure("ecdh.2^16", n, round(median(ours), 3), "s", f"{library()}, one thread", round(ratio, 3))
    yield Figure("ecdh.2^16.pool-efficiency", n, round(100 * max(efficiencies), 1), "%")


def match_locally(receiver: Tokens, sender: Tokens, pool: Executor) -> NDArray[np.int64]:
    """One match of the engine, both roles at once on `pool`; returns the receiver's rows that the sender holds too."""

    def run(tasks: tuple[Task, ...]) -> list[Any]:
        return [future.result() for future in [pool.submit(task.function, *task.arguments) for task in tasks]]

    return _match(receiver, sender, run)


def _match(receiver: Tokens, sender: Tokens, run_tasks: Callable[[tuple[Task, ...]], list[Any]]) -> NDArray[np.int64]:
    engine = EcdhEngine()
    p = RunParameters(
        session_id=random_bytes(32),
        run=0,
        partition=0,
        receiver_count=padded_count(len(receiver)),
        sender_count=padded_count(len(sender)),
        chunks=WORKERS,
    )
    to_receiver, to_sender = SimpleQueue[bytes](), SimpleQueue[bytes]()
    with ThreadPoolExecutor(2) as sides:
        sending = sides.submit(_drive, engine.send(sender, p), to_sender, to_receiver, run_tasks)
        receiving = sides.submit(_drive, engine.receive(receiver, p), to_receiver, to_sender, run_tasks)
        _require(sending.result() == p.receiver_count)
        found: Found = receiving.result()
    if found.rows is None:
        raise RuntimeError("an intersection yields rows")
    return found.rows


def _drive(
    side: Generator[Action, Any, Any],
    incoming: SimpleQueue[bytes],
    outgoing: SimpleQueue[bytes],
    run_tasks: Callable[[tuple[Task, ...]], list[Any]],
) -> Any:
    """One role, as its node would drive it: the other one works at the same time."""
    answer: Any = None
    while True:
        try:
            action = side.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = None
        match action:
            case Compute(tasks):
                answer = run_tasks(tasks)
            case Send(data):
                outgoing.put(data)
            case Receive():
                answer = incoming.get(timeout=MESSAGE_SECONDS)


def _written(tokens: Tokens, file: Path) -> Path:
    """The tokens as the peer reads them, one hexadecimal line each."""
    file.write_text("".join(f"{row.tobytes().hex()}\n" for row in tokens), encoding="ascii")
    return file


class _TimedPool:
    """Runs an engine's tasks in worker processes and adds up how long these were at work."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self._executor = executor
        self._adding = Lock()

    def reset(self) -> None:
        """Start adding from zero."""
        self.seconds = self.cpu_seconds = 0.0

    def warm_up(self) -> None:
        """Start the workers and let them import, which is no part of a match."""
        tokens = random_tokens(64)
        _match(tokens, tokens, self.run)

    def run(self, tasks: tuple[Task, ...]) -> list[Any]:
        futures = [self._executor.submit(_timed, task) for task in tasks]
        results = [future.result() for future in futures]
        with self._adding:
            self.seconds += sum(seconds for _, seconds, _ in results)
            self.cpu_seconds += sum(cpu_seconds for _, _, cpu_seconds in results)
        return [result for result, _, _ in results]


def _timed(task: Task) -> tuple[Any, float, float]:
    start, start_cpu = time.perf_counter(), time.process_time()
    result = task.function(*task.arguments)
    return result, time.perf_counter() - start, time.process_time() - start_cpu


def _measured(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall seconds, CPU seconds of this process, and the result."""
    before = os.times()
    start = time.perf_counter()
    result = work()
    wall = time.perf_counter() - start
    after = os.times()
    return wall, after.user + after.system - before.user - before.system, result


def _require(condition: bool) -> None:
    """A figure for a wrong result is worth nothing."""
    if not condition:
        raise RuntimeError("the match is wrong")
