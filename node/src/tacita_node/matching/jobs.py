"""Supervision: which matches run in this process, and what becomes of the others.

1. A match has one task here: its job while it runs, then its closing.
2. At start-up every unsettled match of the journal gets one again. A job's keys died with the process that held them,
   so a running match is first aborted with a receipt; a match that was ended already goes on closing, and says so if
   its result had not been kept.
3. A task that fails by a defect of this node is logged, aborted like after a restart, and goes on to its closing. What
   a disk that takes nothing prevents is tried again until it does: every match ends.
4. What a running match stands on is checked again whenever something may have been taken back, and each minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import structlog

from tacita_node.causes import Causes
from tacita_node.disk import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, takes_nothing
from tacita_node.logs import places_of
from tacita_node.matching.closing import MatchClosing
from tacita_node.matching.endings import CANCELLED, NODE_FAILED
from tacita_node.matching.job import MatchJob, Signals
from tacita_node.matching.journal import RUNNING, MatchJournal
from tacita_node.matching.recovery import abort_interrupted, admit_loss
from tacita_node.matching.results import ResultStore
from tacita_node.matching.transport import forget_all_frames
from tacita_node.services import NodeServices
from tacita_protocol.api import InboxEvent, InboxEventType
from tacita_protocol.session import State
from tacita_sdk.node_api import MatchProgress

MAX_RUNNING = 32
"""Matches that run at once in one node; closings do not count."""

MAX_TRACKED = 4_096
"""Matches that run or wait for their closing, before requests of others are passed over."""

RECHECK_SECONDS = 60
"""How often it is checked again what the running matches stand on: an agreement also ends by itself."""

_ENDS = frozenset({InboxEventType.ABORTED, InboxEventType.CLOSING})

_log = structlog.get_logger(__name__)


class MatchJobs:
    """The running matches of one node. Lives in one event loop."""

    def __init__(self, services: NodeServices, journal: MatchJournal, results: ResultStore) -> None:
        self._services = services
        self._journal = journal
        self._results = results
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._signals: dict[str, Signals] = {}
        self._running: dict[str, MatchJob] = {}
        self._ordered = 0

    @property
    def full(self) -> bool:
        """Whether no further match may start now."""
        return len(self._running) + self._ordered >= MAX_RUNNING

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keeps a place for a match that is about to start: others must not take it while its order is prepared."""
        self._ordered += 1
        try:
            yield
        finally:
            self._ordered -= 1

    @property
    def crowded(self) -> bool:
        """Whether so many matches wait for their closing that no request of another partner is taken up."""
        return len(self._tasks) >= MAX_TRACKED

    async def recover(self) -> None:
        """Takes up every unsettled match again. Call it once, before anything else."""
        await forget_all_frames(self._services.blobs)
        for row in await self._journal.unsettled():
            await self._guarded("match-abort-failed", row.match, partial(self._abort_left, row.match))
            self.close(row.match)

    def start(self, match: str, make: Callable[[Signals], MatchJob]) -> None:
        """Runs the job that `make` makes, then its match's closing."""
        signals = Signals()
        self._start(match, signals, make(signals))

    def close(self, match: str) -> None:
        """Waits for the closing of a match that ended before it had a job."""
        self._start(match, Signals(), None)

    async def cancel(self, match: str) -> bool:
        """Ends a running match and waits until that is written down; False when it is over already."""
        job = self._running.get(match)
        if job is None or not job.end(CANCELLED):
            return False
        await job.over.wait()
        return True

    async def recheck(self) -> None:
        """Ends the running matches from under which something was taken back. When it returns, they are over."""
        ending = [job for job in list(self._running.values()) if await self._has_lapsed(job)]
        for job in ending:
            await job.over.wait()

    async def _has_lapsed(self, job: MatchJob) -> bool:
        """Whether the job is ended for that. One about which it cannot be found out is ended as well."""
        if job.over.is_set():
            return False
        try:
            reason = await job.lapsed()
        except Exception as error:  # noqa: BLE001 - whatever fails, a match that nobody can vouch for must not go on
            _log.critical("match-recheck-failed", match=job.match, error=type(error).__name__, places=places_of(error))
            reason = NODE_FAILED
        return reason is not None and job.end(reason)

    def progress(self, match: str) -> MatchProgress | None:
        """How far the computing of a match is; None while it does not compute."""
        job = self._running.get(match)
        if job is None or not job.computes or not job.progress.total:
            return None
        return MatchProgress(done=job.progress.done, total=job.progress.total)

    def notify(self, event: InboxEvent) -> bool:
        """Passes an event on to the match it is about; False when no such match runs here."""
        signals = self._signals.get(event.match or "")
        if signals is None:
            return False
        if event.type in _ENDS:
            signals.ended.set()
        signals.news.set()
        return True

    async def stop(self) -> None:
        """Cancels every task. What they were doing is taken up by the next start's `recover`."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, match: str, signals: Signals, job: MatchJob | None) -> None:
        if match in self._tasks:
            raise RuntimeError("this match has a task already")
        if job is not None:
            self._running[match] = job
        self._signals[match] = signals
        task = asyncio.create_task(self._supervise(match, signals, job), name=f"match-{match}")
        self._tasks[match] = task
        task.add_done_callback(lambda _: self._forget(match))

    def _forget(self, match: str) -> None:
        self._tasks.pop(match, None)
        self._signals.pop(match, None)
        self._running.pop(match, None)

    async def _supervise(self, match: str, signals: Signals, job: MatchJob | None) -> None:
        if job is not None:
            await self._guarded("match-job-failed", match, job.run, repeatable=False)
            await self._guarded("match-abort-failed", match, partial(self._abort_left, match))
        looking = asyncio.create_task(self._look(match, signals, job), name=f"look-{match}")
        closing = MatchClosing(
            match, services=self._services, journal=self._journal, results=self._results, signals=signals
        )
        try:
            await self._guarded("match-closing-failed", match, closing.run)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self, match: str, signals: Signals, job: MatchJob | None) -> None:
        """Looks what a match found, beside the wait for its closing; says so when there is nothing to show for it."""
        try:
            if job is not None:
                await self._guarded("match-look-failed", match, job.look, repeatable=False)
            await self._guarded("match-look-failed", match, partial(self._admit_loss, match))
        finally:
            self._running.pop(match, None)
            signals.looked.set()

    async def _abort_left(self, match: str) -> None:
        """Ends a match that is on the way, though no job of this process conducts it any more."""
        row = await self._journal.find(match)
        if row is not None and State(row.state) in RUNNING:
            await abort_interrupted(row, services=self._services, journal=self._journal, results=self._results)

    async def _admit_loss(self, match: str) -> None:
        row = await self._journal.find(match)
        if row is not None:
            await admit_loss(row, self._journal)

    async def _guarded(
        self, event: str, match: str, work: Callable[[], Awaitable[None]], *, repeatable: bool = True
    ) -> None:
        pause = FIRST_PAUSE_SECONDS
        causes = Causes()
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - one match's defect must not end the others; nothing is swallowed
                fields = {"error": type(error).__name__, "places": places_of(error)}
                causes.tell(match, _log.critical, event, match=match, **fields)
                if not (repeatable and takes_nothing(error)):
                    return
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def run_jobs(services: NodeServices, stop: asyncio.Event) -> None:
    """Runs the node's matches until `stop`: first what the last process left, then what is ordered and asked."""
    from tacita_node.matching.service import MatchService  # here, since the service itself stands on this module

    journal = MatchJournal(services.database, services.custody, services.clock)
    results = ResultStore(services.blobs, services.cipher, services.datasets)
    jobs = MatchJobs(services, journal, results)
    await jobs.recover()
    services.matches = MatchService(services, journal, results, jobs)
    try:
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_SECONDS):
                    await stop.wait()
            await jobs.recheck()
    finally:
        services.matches = None
        await jobs.stop()
