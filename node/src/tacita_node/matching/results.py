"""What a match found: kept encrypted, shown only once the match's closing is proven to be in the witnessed log.

A hit is one of this node's own records, led back to the line of the source that it came from. They are stored in parts
under the storage key (`hit_parts.py`); beside them the number of hits, encrypted too. Neither exists on the side that
does not learn. Of a match that only counts there is the number, rounded, and an empty list.

Hits stand as in the files that they came from: records are in the order of a keyed lookup, which tells nobody anything.
"""

from collections.abc import Sequence

import numpy as np

from tacita_node.blobs import BlobStore
from tacita_node.data.epochs import EpochSnapshot
from tacita_node.data.service import DatasetService, HitSource
from tacita_node.matching.hit_parts import HitParts
from tacita_node.matching.tables import MatchRow
from tacita_node.problems import ProblemError
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.psi.engine import Found
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.vocabulary import Mode
from tacita_sdk.node_api import Hits, HitView

TABLE = "matches.hits"
NOTICE = (
    "A hit may belong to a victim. Do not close, refuse, confront or contact anyone on this alone: "
    "a person must look at it first and say why."
)
"""Shown wherever a hit is."""


class ResultStore:
    """Hits by match id."""

    def __init__(self, blobs: BlobStore, cipher: StorageCipher, datasets: DatasetService) -> None:
        self._parts = HitParts(blobs)
        self._cipher = cipher
        self._datasets = datasets

    async def keep(self, match: str, snapshot: EpochSnapshot, found: Found, obligations: Obligations) -> bytes:
        """Stores what was found among own token rows, durably, and returns its sealed number for the match's row.

        Less than the obligation `suppress_below` is kept as nothing, and a mere number as rounded to `round_to`.
        """
        sources: list[HitSource] = []
        if found.rows is None:
            number = rounded(found.count, obligations.round_to) if found.count >= obligations.suppress_below else 0
        else:
            records = self._datasets.records_hit(snapshot, found.rows)
            shown = records if len(records) >= obligations.suppress_below else records[:0]
            sources = in_file_order(await self._datasets.describe_records(snapshot, shown))
            number = len(sources)
        hits = (HitView(source=hit.source, line=hit.line, value=hit.value) for hit in sources)
        await self._parts.keep(match, hits)
        return self._cipher.encrypt(str(number).encode("ascii"), table=TABLE, row=match)

    async def discard(self, match: str) -> None:
        """Destroys what was found: the match did not complete, so nobody may see it."""
        await self._parts.discard(match)

    def count(self, row: MatchRow) -> int | None:
        """How many hits were released; None when none were, or not yet."""
        if not row.released or row.hits_sealed is None:
            return None
        return int(self._cipher.decrypt(row.hits_sealed, table=TABLE, row=row.match))

    async def released(self, row: MatchRow, start: int, limit: int) -> Hits:
        """At most `limit` hits of a match from position `start` on.

        Raises `ProblemError` 409 when they are not released. On a side that learns nothing they never are.
        """
        if not row.learns:
            raise ProblemError(409, "not-released", "There are no hits to show: this side of the match learns nothing.")
        number = self.count(row)
        if number is None:
            raise ProblemError(
                409, "not-released", "There are no hits to show: the match was not closed in the log with a result."
            )
        listed = number if row.mode == Mode.INTERSECTION.value else 0
        end = min(start + limit, listed)
        hits = await self._parts.page(row.match, start, end)
        return Hits(match=row.match, hits=hits, next=str(end) if end < listed else None, notice=NOTICE)


def in_file_order(found: Sequence[HitSource]) -> list[HitSource]:
    """Sources as they first appear, and of each its hits by line; of one line, they stay as they are.

    Records are numbered as they are imported, one file at a time: of ascending records, sources appear in the order of
    their import. Sorted by numpy: there may be a million.
    """
    ordinals = {source: number for number, source in enumerate(dict.fromkeys(hit.source for hit in found))}
    sources = np.fromiter((ordinals[hit.source] for hit in found), np.int64, len(found))
    lines = np.fromiter((hit.line for hit in found), np.int64, len(found))
    order: list[int] = np.lexsort((lines, sources)).tolist()
    return [found[index] for index in order]


def rounded(count: int, multiple: int) -> int:
    """`count` as the nearest multiple; half of one goes up."""
    return (count + multiple // 2) // multiple * multiple
