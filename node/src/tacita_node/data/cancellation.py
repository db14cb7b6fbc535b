"""Ending an import on demand, and the moment from which that is too late.

1. Waiting and reading leave nothing in the database and may be broken off anywhere: they are `interruptible`.
2. Storing is done in short transactions, of which none is broken off: a commit that nobody waits for any more could
   still take place while its rows are being dropped. `check` is asked between two of them.
3. Before the last transaction, the one that makes everything visible, stands `begin_last_step`. Who asks later is
   refused.

All of it happens in the event loop, and nothing is awaited between a look and what follows from it. So a cancellation
comes wholly before the last transaction, or does not come at all.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tacita_node.problems import ProblemError


class CancelAsked(ProblemError):
    """Raised inside an import that is to end, and then told to everybody who waits for it."""

    def __init__(self) -> None:
        super().__init__(
            409, "import-cancelled", "This import was cancelled, so nothing of it is here: order it again if need be."
        )


class Cancellation:
    """Whether one import is to end, and whether it still can."""

    def __init__(self) -> None:
        self._asked = False
        self._last_step = False
        self._interruptible: asyncio.Task[object] | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody wanted this import to end in time."""
        return self._asked

    def ask(self) -> bool:
        """Ends the import as soon as it can be. False when it is too late: its last step has begun."""
        if self._last_step:
            return False
        if not self._asked:
            self._asked = True
            if self._interruptible is not None:
                self._interruptible.cancel()
        return True

    def check(self) -> None:
        """Raises `CancelAsked` when the import is to end."""
        if self._asked:
            raise CancelAsked

    def begin_last_step(self) -> None:
        """From here on the import cannot be ended. Raises `CancelAsked` when it is to end already."""
        self.check()
        self._last_step = True

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """A block of the import that is broken off, wherever it waits, when the import is to end: `CancelAsked` then.

        Whoever cancels the import's task itself still ends it with `CancelledError`.
        """
        self.check()
        task = self._interruptible = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._asked and task is not None and not task.uncancel():
                raise CancelAsked from None
            raise
        finally:
            self._interruptible = None
