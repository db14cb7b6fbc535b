"""The one that appends. Order of work, each step safe against a crash right after it:

1. stage: one transaction swaps the head (compare-and-swap on holder and old head), gives the entries their positions
   and keeps the new files. A crash before: nothing happened. After: the stage is applied at the next start.
2. write the tiles and bundles, each on the disk before the next. A crash: they are written again, with the same bytes.
3. publish the checkpoint. A crash before: as in 2. After: publishing the same checkpoint again does nothing.
4. clear the stage. A crash before: 2 and 3 are repeated without effect.

The live path applies a stage with the very function that recovery uses. Cosignatures and answers come after step 4
(`witnessing`). A disk that takes nothing is waited for: then `resume` begins from what is stored, as a start does. Any
other error on the way (an fsync that failed above all) ends the sequencer, and with it the process.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from tacita_broker.errors import LogDamaged, LogRolledBack
from tacita_broker.log.files import read_checkpoint
from tacita_broker.log.growth import grow
from tacita_broker.log.store import Head, Waiting
from tacita_protocol.errors import ProtocolError
from tacita_protocol.tlog.checkpoint import Checkpoint
from tacita_protocol.tlog.merkle import EMPTY_ROOT, leaf_hash, tree_root
from tacita_protocol.tlog.note import NoteSigner, compose, open_note
from tacita_protocol.tlog.tiles import TILE_WIDTH, TileReader, decode_entries, entries_path


class Store(Protocol):
    """The database's side: every call is one durable transaction, and two calls never interleave."""

    async def take_lease(self, holder: str) -> Head: ...
    async def held_head(self, holder: str) -> Head: ...
    async def waiting(self, holder: str, limit: int) -> Waiting: ...
    async def positions(self) -> int: ...
    async def stage(
        self, holder: str, old: Head, new: Head, rows: Sequence[int], files: Sequence[tuple[str, bytes]]
    ) -> None: ...
    async def staged(self) -> list[tuple[str, bytes]]: ...
    async def clear_stage(self, holder: str, head: Head) -> None: ...


class Files(Protocol):
    """The directory's side: a write is on the disk when it returns; readers never see half a file."""

    def read(self, path: str) -> bytes: ...
    def write_tile(self, path: str, data: bytes) -> None: ...
    def published(self) -> bytes | None: ...
    def publish(self, note: bytes) -> None: ...


class Sequencer:
    """Appends waiting entries. `recover` first, then `step` whenever there may be something to do."""

    def __init__(self, store: Store, files: Files, signer: NoteSigner, *, holder: str, batch: int) -> None:
        """`holder` is a fresh random name, `batch` the most entries integrated at once."""
        self._store = store
        self._files = files
        self._signer = signer
        self._holder = holder
        self._batch = batch
        self._head: Head | None = None

    @property
    def head(self) -> Head:
        """The newest published checkpoint."""
        if self._head is None:
            raise RuntimeError("the sequencer has not been recovered")
        return self._head

    async def recover(self) -> None:
        """Take the lease, apply what was staged, and check that files and database tell the same story.

        Raises `LogRolledBack`, `LogDamaged` or `LeaseLost`; the broker must not start then.
        """
        await self._recover(await self._store.take_lease(self._holder))

    async def resume(self) -> None:
        """The same after a step that failed because the disk took nothing. Raises `LeaseLost` when another has come."""
        await self._recover(await self._store.held_head(self._holder))

    async def _recover(self, head: Head) -> None:
        # 1. The stored head is ours.
        try:
            open_note(head.note.encode(), [self._signer.verifier])
        except ProtocolError:
            raise LogDamaged("the stored checkpoint is not signed by this broker's log key") from None
        stored = read_checkpoint(head.note.encode())
        if (stored.origin, stored.size) != (self._signer.name, head.size):
            raise LogDamaged("the stored checkpoint is of another log or size")
        # 2. Nothing was published that the database does not know.
        if (note := self._files.published()) is not None:
            published = read_checkpoint(note)
            if published.size > stored.size:
                raise LogRolledBack("the published log is larger than the stored one: was an old database restored?")
        staged = await self._store.staged()
        if note is None and stored.size and not staged:
            raise LogDamaged("the published log is missing")
        # 3. What a crash interrupted is finished.
        await self._apply(head, staged)
        # 4. The right edge of the tree, from which it will grow, has the signed root, and the entries are those leaves.
        if await self._store.positions() != stored.size:
            raise LogDamaged("the database's entries do not fill the log")
        await asyncio.to_thread(self._check_right_edge, stored)
        self._head = head

    async def step(self) -> int:
        """Integrate one batch. Returns how many entries it had (0: nothing waits).

        Raises `LeaseLost` as soon as another has taken over, also when nothing waits: it would be in vain to stay.
        """
        old = self.head
        waiting = await self._store.waiting(self._holder, self._batch)
        if not waiting.entries:
            return 0
        growth = await asyncio.to_thread(grow, old.size, self._files.read, waiting.bundle, waiting.entries)
        text = Checkpoint(self._signer.name, growth.size, growth.root).text()
        new = Head(growth.size, compose(text, [self._signer.sign(text)]).decode())
        await self._store.stage(self._holder, old, new, waiting.rows, growth.files)
        await self._apply(new, growth.files)
        self._head = new
        return len(waiting.entries)

    async def _apply(self, head: Head, staged: Sequence[tuple[str, bytes]]) -> None:
        """Steps 2 to 4 for a staged head and its files; repeating any part of it changes nothing."""

        def write() -> None:
            for path, data in staged:
                self._files.write_tile(path, data)
            self._files.publish(head.note.encode())

        await asyncio.to_thread(write)
        if staged:
            await self._store.clear_stage(self._holder, head)

    def _check_right_edge(self, stored: Checkpoint) -> None:
        if stored.size == 0:
            if stored.root != EMPTY_ROOT:
                raise LogDamaged("the empty log has another root")
            return
        read = TileReader(self._files.read, stored.size)
        index = (stored.size - 1) // TILE_WIDTH
        width = stored.size - index * TILE_WIDTH
        try:
            root = tree_root(stored.size, read)
            bundle = decode_entries(self._files.read(entries_path(index, width)), width=width)
            leaves = [read(0, index * TILE_WIDTH + offset) for offset in range(width)]
        except ProtocolError:
            raise LogDamaged("a tile at the log's right edge is not readable") from None
        if root != stored.root:
            raise LogDamaged("the tiles do not have the root of the stored checkpoint")
        if [leaf_hash(entry) for entry in bundle] != leaves:
            raise LogDamaged("the newest entries are not those in the tree")
