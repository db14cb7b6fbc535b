"""Work that would block the event loop, handed to whoever has the processors: the matching pool, or a thread."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from tacita_protocol.psi.engine import Task


class Workers(Protocol):
    """Runs tasks side by side and answers with their results, in order."""

    async def run(self, tasks: Sequence[Task]) -> list[Any]:
        """Raises what the first failing task raised."""
        ...


class ThreadWorkers:
    """One thread of this process: for command-line use and tests, where starting processes costs more than it gives."""

    async def run(self, tasks: Sequence[Task]) -> list[Any]:
        """Runs the tasks one after the other, off the event loop."""
        return await asyncio.to_thread(lambda: [task.function(*task.arguments) for task in tasks])
