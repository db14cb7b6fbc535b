"""The node's worker processes, in which engines compute.

Workers come from a fork server: it is started once, with the engine already imported, and each worker is a cheap fork
of it. A worker dies with the fork server, which ends when the node does (it reads from a pipe that the node holds), so
a killed node leaves no process behind. Workers ignore SIGINT: Ctrl-C is for the node, which ends them in order.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from tacita_protocol.errors import EngineFailure
from tacita_protocol.psi.engine import Task

_PRELOADED = ["tacita_protocol.psi.engine", "tacita_protocol.psi.ecdh", "tacita_node.matching.pool"]
_PR_SET_PDEATHSIG = 1


class WorkerPool:
    """Runs `Task`s in processes. Starts none before the first task. Safe for any number of tasks of one event loop.

    Args:
        workers: processes at most; normally the number of cores.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError("a pool has at least one worker")
        self.workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False

    async def run(self, tasks: Sequence[Task]) -> list[Any]:
        """The tasks' results, in order. What a task raises is raised here; a worker that dies is an `EngineFailure`."""
        executor = self._running()
        loop = asyncio.get_running_loop()
        try:
            futures = [loop.run_in_executor(executor, task.function, *task.arguments) for task in tasks]
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

    def close(self) -> None:
        """Ends the workers without waiting for what they compute. Nothing runs afterwards."""
        self._closed = True
        executor, self._executor = self._executor, None
        if executor is not None:
            workers = list(getattr(executor, "_processes", {}).values())
            executor.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()

    def _running(self) -> ProcessPoolExecutor:
        if self._closed:
            raise RuntimeError("the pool is closed")
        if self._executor is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(_PRELOADED)
            self._executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_prepare_worker)
        return self._executor


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent ended before the request to follow it counted
        os._exit(1)
