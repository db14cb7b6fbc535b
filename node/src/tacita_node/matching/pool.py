"""The node's worker processes, in which engines compute.

Workers are spawned, not forked: a fork of a process with threads and an event loop is not safe. (A fork server is, but
a killed node would leave it and its workers behind, since each worker holds the pipe by which the server notices.) Each
worker asks the kernel to be killed with the node. Workers ignore SIGINT: Ctrl-C is for the node, which ends them in
order.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from tacita_node.workers import unnoticed
from tacita_protocol.errors import EngineFailure
from tacita_protocol.psi.engine import Task

_PR_SET_PDEATHSIG = 1


class WorkerPool:
    """Runs `Task`s in processes. Starts none before the first task. Safe for any number of tasks of one event loop.

    Args:
        workers: processes at most; normally the number of cores.
        idle_seconds: after so long without a task the processes end; the next task starts new ones.
    """

    def __init__(self, workers: int, *, idle_seconds: float = 300.0) -> None:
        if workers < 1:
            raise ValueError("a pool has at least one worker")
        self.workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False
        self._idle_seconds = idle_seconds
        self._runs = 0
        """Calls of `run` that are under way."""
        self._rest: asyncio.TimerHandle | None = None

    async def run(self, tasks: Sequence[Task], done: Callable[[int], None] = unnoticed) -> list[Any]:
        """The tasks' results, in order. What a task raises is raised here; a worker that dies is an `EngineFailure`."""
        executor = self._running()
        loop = asyncio.get_running_loop()
        self._begin()
        try:
            futures = [loop.run_in_executor(executor, task.function, *task.arguments) for task in tasks]
            for future, task in zip(futures, tasks, strict=True):
                future.add_done_callback(partial(_counted, done, task.elements))
            try:
                return list(await asyncio.gather(*futures))
            finally:
                for future in futures:
                    future.cancel()
        except BrokenProcessPool as error:
            if self._executor is executor:
                self._executor = None  # the next task starts a new pool
            executor.shutdown(wait=False, cancel_futures=True)
            raise EngineFailure("a worker process ended unexpectedly") from error
        finally:
            self._runs -= 1
            if not self._runs and not self._closed:
                self._rest = loop.call_later(self._idle_seconds, self._end_workers)

    def close(self) -> None:
        """Ends the workers without waiting for what they compute. Nothing runs afterwards."""
        self._closed = True
        if self._rest is not None:
            self._rest.cancel()
        executor, self._executor = self._executor, None
        if executor is not None:
            workers = list(getattr(executor, "_processes", {}).values())
            executor.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()

    def _begin(self) -> None:
        self._runs += 1
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _end_workers(self) -> None:
        """Has idle workers end by themselves; one that still computes what nobody waits for ends after it."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    def _running(self) -> ProcessPoolExecutor:
        if self._closed:
            raise RuntimeError("the pool is closed")
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_prepare_worker)
        return self._executor


def _counted(done: Callable[[int], None], elements: int, _: asyncio.Future[Any]) -> None:
    done(elements)


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    node = multiprocessing.parent_process()
    if node is None or os.getppid() != node.pid:  # the node ended before the request to follow it counted
        os._exit(1)
