"""Work that would block the event loop, handed to whoever has the processors: the matching pool, or a thread."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tacita_protocol.psi.engine import Task


def unnoticed(_elements: int) -> None:
    """For work whose progress nobody watches."""


class Workers(Protocol):
    """Runs tasks side by side and answers with their results, in order."""

    async def run(self, tasks: Sequence[Task], done: Callable[[int], None] = unnoticed) -> list[Any]:
        """Raises what the first failing task raised. `done` is told each task's elements when it has ended."""
        ...


class ThreadWorkers:
    """One thread of this process: for command-line use and tests, where starting processes costs more than it gives."""

    async def run(self, tasks: Sequence[Task], done: Callable[[int], None] = unnoticed) -> list[Any]:
        """Runs the tasks one after the other, off the event loop."""
        return await asyncio.to_thread(lambda: [_run(task, done) for task in tasks])


def _run(task: Task, done: Callable[[int], None]) -> Any:
    result = task.function(*task.arguments)
    done(task.elements)
    return result
