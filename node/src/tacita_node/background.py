"""The tasks that run beside the local API for as long as the node does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.exc import DBAPIError

from tacita_node.causes import Causes
from tacita_node.disk import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, takes_nothing
from tacita_node.logs import places_of
from tacita_node.services import NodeServices

Background = Callable[[NodeServices, asyncio.Event], Awaitable[None]]
STOP_SECONDS = 0.5
"""How long tasks may take to end when they are cancelled."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def background(services: NodeServices, tasks: Mapping[str, Background]) -> AsyncIterator[None]:
    """Runs `tasks` by name during the block and cancels them after it.

    A task that ends on its own while the node runs is a defect: the node stops, because a node that no longer follows
    its inbox or finishes its matches only looks alive. Only a disk that takes nothing is waited for: each task begins
    from what is stored, so it is begun again.
    """
    running = [asyncio.create_task(_watched(name, task, services)) for name, task in tasks.items()]
    try:
        yield
    finally:
        services.stop.set()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_SECONDS)


async def _watched(name: str, task: Background, services: NodeServices) -> None:
    clock = asyncio.get_running_loop().time
    pause, causes = FIRST_PAUSE_SECONDS, Causes()
    try:
        begun = clock()
        while (error := await _stopped_by_disk(task, services)) is not None:
            if clock() - begun > LONGEST_PAUSE_SECONDS:  # it had got on
                pause = FIRST_PAUSE_SECONDS
                causes.over(name)
            causes.tell(name, _log.error, "task-waits-for-disk", task=name, error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            begun = clock()
    except Exception as error:  # noqa: BLE001 - whatever it is: it is logged without its message, and the node stops
        _log.critical("task-failed", task=name, error=type(error).__name__, places=places_of(error))
    finally:
        if not services.stop.is_set():
            # Cancelled from outside (a loop that ends cancels everything), it did not end on its own.
            if (own := asyncio.current_task()) is None or not own.cancelling():
                _log.critical("task-ended", task=name)
            services.stop.set()


async def _stopped_by_disk(task: Background, services: NodeServices) -> OSError | DBAPIError | None:
    """Runs a task; the error by which a disk that takes nothing ended it, None when it ended on its own."""
    try:
        await task(services, services.stop)
    except (OSError, DBAPIError) as error:
        if not takes_nothing(error):
            raise
        return error
    return None
