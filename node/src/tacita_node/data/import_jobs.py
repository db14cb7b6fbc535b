"""Imports under way: each goes on when whoever ordered it is gone, and is found again by ordering the same once more.

What came of it is kept until somebody was told. After that the same order is a new import, which finds that this file
has been imported.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from tacita_node.config import Limits
from tacita_node.data.imports import Imported, Importer, ImportOrder, ImportProgress
from tacita_node.data.uploads import Upload
from tacita_node.logs import places_of
from tacita_node.problems import ProblemError

if TYPE_CHECKING:
    from tacita_node.services import NodeServices

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Job:
    task: asyncio.Task[Imported]
    progress: ImportProgress


class ImportJobs:
    """Runs imports as tasks of their own. `close` ends those that run: nothing is imported of them."""

    def __init__(self, importer: Importer, *, limits: Limits) -> None:
        self._importer = importer
        self._limits = limits
        self._jobs: dict[tuple[str, ImportOrder], _Job] = {}

    async def run(self, upload: Upload, order: ImportOrder, *, wait: float) -> Imported | ImportProgress:
        """Begins this import, or joins it, and waits `wait` seconds: for the end, or else how far it is.

        Raises `ProblemError` when it failed: nothing was imported then.
        """
        key = (upload.name, order)
        job = self._jobs.get(key)
        if job is None:
            self._make_room()
            progress = ImportProgress(upload.size)
            task = asyncio.create_task(self._importer.run(upload, order, progress))
            task.add_done_callback(_note)
            job = self._jobs[key] = _Job(task, progress)
        await asyncio.wait({job.task}, timeout=wait)
        if not job.task.done():
            return job.progress
        if self._jobs.get(key) is job:
            del self._jobs[key]
        return await job.task

    async def close(self) -> None:
        """Ends every import."""
        tasks = [job.task for job in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _make_room(self) -> None:
        for key in [key for key, job in self._jobs.items() if job.task.done()][: -self._limits.imports]:
            del self._jobs[key]  # nobody came back for these
        if sum(not job.task.done() for job in self._jobs.values()) >= self._limits.imports:
            raise ProblemError(409, "too-many-imports", "As many imports as may wait do so already; try again later.")


async def run_imports(services: "NodeServices", stop: asyncio.Event) -> None:
    """Drops what an import left behind that a crash ended, beside everything else: it may be a million rows."""
    await services.datasets.drop_left_behind()
    await stop.wait()


def _note(task: asyncio.Task[Imported]) -> None:
    """Whoever ordered it may be gone; a defect must not go unseen."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, ProblemError):
        _log.error("import-failed", error=type(error).__name__, places=places_of(error))
