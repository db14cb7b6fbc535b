"""From sealed records to tokens: pages of records are opened and hashed by the workers, and only tokens come back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import select

from tacita_node.data.tables import RecordRow
from tacita_node.data.token_pages import StoredRecord, TokenisedRecords, tokenise_records
from tacita_node.problems import ProblemError
from tacita_node.storage import Database
from tacita_node.workers import Workers
from tacita_protocol.crypto.random_arrays import TOKEN_SIZE
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.identifiers.tokeniser import Tokeniser
from tacita_protocol.psi.engine import Task

PAGE_RECORDS = 4_000
"""Records that one worker opens at a time."""

PAGES_AHEAD = 8
"""Pages that workers have or will have next."""


class RecordTokens:
    """Computes the tokens of records."""

    def __init__(self, database: Database, *, cipher: StorageCipher, workers: Workers) -> None:
        self._database = database
        self._cipher = cipher
        self._workers = workers

    async def of(
        self, dataset: str, sources: Mapping[str, int], tokeniser: Tokeniser, *, after: int
    ) -> TokenisedRecords:
        """The tokens of the records of these sources whose numbers are above `after`.

        Raises `ProblemError` when the canonical forms are of another version of the rules than the tokeniser's.
        """
        made: list[TokenisedRecords] = []
        under_way: deque[asyncio.Task[list[TokenisedRecords | None]]] = deque()
        try:
            async for source, page in self._pages(sources, after):
                task = Task(tokenise_records, (self._cipher, dataset, tokeniser, source, page))
                under_way.append(asyncio.create_task(self._workers.run([task])))
                if len(under_way) > PAGES_AHEAD:
                    made.append(_current(await under_way.popleft()))
            while under_way:
                made.append(_current(await under_way.popleft()))
        finally:
            for waiting in under_way:
                waiting.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        return await asyncio.to_thread(joined, made)

    async def _pages(self, sources: Iterable[str], after: int) -> AsyncIterator[tuple[str, list[StoredRecord]]]:
        """Records by source: the index of sources holds them in the order of their numbers. Each page is a short read:
        records never change, so no view of the database has to be kept open for all of them.
        """
        columns = select(RecordRow.id, RecordRow.line, RecordRow.version, RecordRow.sealed)
        for source in sources:
            last = after
            while True:
                wanted = columns.where(RecordRow.source == source, RecordRow.id > last)
                async with self._database.read() as session:
                    found = await session.execute(wanted.order_by(RecordRow.id).limit(PAGE_RECORDS))
                    page = [(row[0], row[1], row[2], row[3]) for row in found]
                if page:
                    yield source, page
                    last = page[-1][0]
                if len(page) < PAGE_RECORDS:
                    break


def joined(parts: Sequence[TokenisedRecords]) -> TokenisedRecords:
    """All of them, by ascending number of the record."""
    tokens = np.concatenate([part.tokens for part in parts] or [np.empty((0, TOKEN_SIZE), dtype=np.uint8)])
    ids = np.concatenate([part.record_ids for part in parts] or [np.empty(0, dtype=np.int64)])
    if np.any(ids[1:] < ids[:-1]):
        order = np.argsort(ids, kind="stable")  # the rows of one record keep their order
        tokens, ids = tokens[order], ids[order]
    return TokenisedRecords(tokens, ids)


def _current(results: Sequence[TokenisedRecords | None]) -> TokenisedRecords:
    [made] = results
    if made is None:
        # Tokens of another version's canonical forms would match nothing, and nobody would notice.
        raise ProblemError(409, "normaliser-changed", "Import this dataset's sources again under a new name.")
    return made
