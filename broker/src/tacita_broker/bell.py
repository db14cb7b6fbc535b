"""Waking up those who wait for news, inside one process. News itself is always read from the database."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Listener:
    """Hears every ring since it began to listen, also one that comes before it waits."""

    def __init__(self, bell: "Bell") -> None:
        self._bell = bell
        self._event = asyncio.Event()

    def _ring(self) -> None:
        self._event.set()

    async def heard(self, seconds: float) -> bool:
        """Wait for a ring for at most `seconds`; False when none came, or when the broker is stopping."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return not self._bell.stopping


class Bell:
    """Rings by key. `stop` rings for everybody and for good, so that no request is held open any longer."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self.stopping = False

    def ring(self, *keys: str) -> None:
        """Wake all who listen to one of `keys`."""
        for key in keys:
            for listener in self._listeners.get(key, ()):
                listener._ring()  # noqa: SLF001 - the two classes are one mechanism

    def stop(self) -> None:
        """Wake everybody; from now on nobody waits."""
        self.stopping = True
        self.ring(*self._listeners)

    @contextmanager
    def listen(self, *keys: str) -> Iterator[Listener]:
        """Listen to `keys`. Begin before looking for news, or a ring in between is lost."""
        listener = Listener(self)
        for key in keys:
            self._listeners.setdefault(key, set()).add(listener)
        try:
            if self.stopping:
                listener._ring()  # noqa: SLF001 - as above
            yield listener
        finally:
            for key in keys:
                self._listeners[key].discard(listener)
                if not self._listeners[key]:
                    del self._listeners[key]


class Places:
    """Counts requests that are held open, by key, against a limit."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, key: str, limit: int) -> Iterator[bool]:
        """One place for `key`; yields False when all `limit` are taken."""
        free = self._taken[key] < limit
        if free:
            self._taken[key] += 1
        try:
            yield free
        finally:
            if free:
                self._taken[key] -= 1
                if not self._taken[key]:
                    del self._taken[key]
