"""Imports under way: each goes on when whoever ordered it is gone, and is found again by ordering the same once more.

What came of it is kept until somebody was told. After that the same order is a new import, which finds that this file
has been imported. A cancelled import is over for everybody at once: who waits for it by its id is told so, and the same
order without that id begins anew.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from tacita_node.config import Limits
from tacita_node.data.cancellation import CancelAsked
from tacita_node.data.imports import Imported, Importer, ImportOrder, ImportProgress
from tacita_node.data.uploads import Upload
from tacita_node.logs import places_of
from tacita_node.problems import ProblemError

if TYPE_CHECKING:
    from tacita_node.services import NodeServices

ENDED_KEPT = 1_000
"""Ids of ended imports that are remembered, to say of them that they were cancelled, or are over."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ImportJob:
    """An import under way, or one of which nobody was told yet how it ended."""

    upload: str
    order: ImportOrder
    progress: ImportProgress
    task: asyncio.Task[Imported]


class ImportJobs:
    """Runs imports as tasks of their own. `close` ends those that run: nothing is imported of them."""

    def __init__(self, importer: Importer, *, limits: Limits) -> None:
        self._importer = importer
        self._limits = limits
        self._jobs: dict[str, ImportJob] = {}  # by the id of the source that it makes
        self._ended: dict[str, bool] = {}  # whether it was cancelled; the one that ended first is first

    async def run(self, upload: Upload, order: ImportOrder, *, wait: float) -> Imported | ImportProgress:
        """Begins this import, or joins it, and waits `wait` seconds: for the end, or else how far it is.

        Raises `ProblemError` when it failed: nothing was imported then.
        """
        same = (job for job in self._jobs.values() if (job.upload, job.order) == (upload.name, order))
        job = next((job for job in same if not job.progress.cancellation.asked), None)
        return await self._wait(job or self._begin(upload, order), wait)

    async def join(self, source: str, order: ImportOrder, *, wait: float) -> Imported | ImportProgress | None:
        """As `run` for an import that was begun: `source` is its id. None when there is none of that id and order.

        Raises `CancelAsked` when that import was cancelled: it is not begun anew by somebody who only waits for it.
        """
        job = self._jobs.get(source)
        if job is None:
            if self._ended.get(source):
                raise CancelAsked
            return None
        return await self._wait(job, wait) if job.order == order else None

    async def cancel(self, source: str) -> ImportOrder:
        """Ends an import. When this returns its order, nothing of it is there any more, and nothing will be.

        Raises `ProblemError`: 404 when this node knows no such import, 409 when it is over, or in its last step.
        """
        job = self._jobs.get(source)
        if job is None or job.task.done() or not job.progress.cancellation.ask():
            raise await self._none_to_cancel(source)
        await asyncio.wait({job.task})
        if job.task.cancelled():
            raise ProblemError(503, "not-running", "The node is being stopped, and the import ends with it.")
        error = job.task.exception()
        if isinstance(error, CancelAsked):
            return job.order
        if error is None or isinstance(error, ProblemError):
            raise _over()
        raise error

    def under_way(self) -> list[ImportJob]:
        """The imports that have not ended, the first one first."""
        return [job for job in self._jobs.values() if not job.task.done()]

    async def close(self) -> None:
        """Ends every import."""
        tasks = [job.task for job in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, upload: Upload, order: ImportOrder) -> ImportJob:
        self._make_room()
        progress = ImportProgress(upload.size)
        task = asyncio.create_task(self._importer.run(upload, order, progress))
        job = self._jobs[progress.source] = ImportJob(upload.name, order, progress, task)
        task.add_done_callback(lambda done: self._note(job, done))
        return job

    async def _wait(self, job: ImportJob, seconds: float) -> Imported | ImportProgress:
        await asyncio.wait({job.task}, timeout=seconds)
        if not job.task.done():
            return job.progress
        self._forget(job)
        return await job.task

    async def _none_to_cancel(self, source: str) -> ProblemError:
        if self._ended.get(source):
            return CancelAsked()
        if source in self._jobs or source in self._ended or await self._importer.has_imported(source):
            return _over()
        return ProblemError(404, "no-such-import", "This node knows no such import.")

    def _make_room(self) -> None:
        for job in [job for job in self._jobs.values() if job.task.done()][: -self._limits.imports]:
            self._forget(job)  # nobody came back for these
        if len(self.under_way()) >= self._limits.imports:
            raise ProblemError(409, "too-many-imports", "As many imports as may wait do so already; try again later.")

    def _forget(self, job: ImportJob, *, cancelled: bool = False) -> None:
        if self._jobs.pop(job.progress.source, None) is not None:
            self._ended[job.progress.source] = cancelled
            if len(self._ended) > ENDED_KEPT:
                del self._ended[next(iter(self._ended))]

    def _note(self, job: ImportJob, task: asyncio.Task[Imported]) -> None:
        """Whoever ordered it may be gone; a defect must not go unseen."""
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, CancelAsked):
            self._forget(job, cancelled=True)
        elif error is not None and not isinstance(error, ProblemError):
            _log.error("import-failed", error=type(error).__name__, places=places_of(error))


async def run_imports(services: "NodeServices", stop: asyncio.Event) -> None:
    """Drops what an import left behind that a crash ended, beside everything else: it may be a million rows."""
    await services.datasets.drop_left_behind()
    await stop.wait()


def _over() -> ProblemError:
    return ProblemError(
        409, "import-over", "This import is over, or in its last step, so there is nothing to cancel any more."
    )
