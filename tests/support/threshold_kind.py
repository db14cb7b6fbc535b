"""A kind of which several tokens make a hit, as kinds that match by likeness will: for tests of what lies between.

A phone number has two views, its last twelve characters forwards and backwards; a view has six tokens, one for each
pair of characters at its place. Two numbers are alike when at least `needed` pairs of one view agree.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normaliser_version
from tacita_protocol.identifiers.token import hash_tokens
from tacita_protocol.identifiers.tokeniser import Owners, TokenSet

VIEWS = 2
PAIRS = 6
ROWS = VIEWS * PAIRS
"""Tokens of one number."""


def pairs_of(canonical: str) -> list[list[str]]:
    """The pairs of each view of a number."""
    forwards = canonical[-2 * PAIRS :].rjust(2 * PAIRS)
    views = (forwards, forwards[::-1])
    return [[view[i : i + 2] for i in range(0, 2 * PAIRS, 2)] for view in views]


class ThresholdTokeniser:
    """At least `needed` of the six tokens of one view of one number are a hit."""

    kind = Kind.PHONE
    version = normaliser_version(Kind.PHONE)

    def __init__(self, needed: int = 5) -> None:
        self.needed = needed

    def tokenise(self, canonicals: Sequence[str]) -> TokenSet:
        """Twelve tokens a number, view by view."""
        values = [
            f"{view} {place} {pair}".encode()
            for canonical in canonicals
            for view, pairs in enumerate(pairs_of(canonical))
            for place, pair in enumerate(pairs)
        ]
        owners = np.repeat(np.arange(len(canonicals), dtype=np.int64), ROWS)
        return TokenSet(hash_tokens(self.kind, self.version, values), owners)

    def resolve(self, owners: Owners, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """A row's view follows from its place, because every number has the same number of rows."""
        views, counts = np.unique(rows // PAIRS, return_counts=True)
        return np.unique(owners[views[counts >= self.needed] * PAIRS])
