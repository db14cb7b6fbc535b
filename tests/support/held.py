"""What a process holds at the moment: descriptors, tasks, objects, memory."""

import asyncio
import gc
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Held:
    """A reading. `objects` are those that Python's collector knows, after it has collected; `resident` is in bytes."""

    files: int
    """Descriptors that are no sockets."""
    sockets: int
    tasks: int
    objects: int
    resident: int

    @classmethod
    def now(cls) -> Self:
        """Reads this process. Call it in its event loop."""
        gc.collect()
        sockets = [_is_socket(entry) for entry in Path("/proc/self/fd").iterdir()]
        return cls(
            files=sockets.count(False),
            sockets=sockets.count(True),
            tasks=len(asyncio.all_tasks()),
            objects=len(gc.get_objects()),
            resident=int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE,
        )


def _is_socket(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except FileNotFoundError:  # the one by which the folder is read
        return False
