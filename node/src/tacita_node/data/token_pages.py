"""The tokens of one page of sealed records: what a worker does, with nothing loaded that it does not need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacita_node.data.records import RecordSealer
from tacita_protocol.crypto.storage import StorageCipher
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.identifiers.tokeniser import Tokeniser

StoredRecord = tuple[int, int, int, bytes]
"""Number, line, version, sealed text."""


@dataclass(frozen=True)
class TokenisedRecords:
    """`tokens` is (n, 32) uint8, row i is of record `record_ids[i]` (n,) int64, ascending."""

    tokens: Tokens
    record_ids: NDArray[np.int64]

    @property
    def records(self) -> int:
        """How many records these are; each has one token or several."""
        return int(np.count_nonzero(np.diff(self.record_ids))) + 1 if len(self.record_ids) else 0


def tokenise_records(
    cipher: StorageCipher, dataset: str, tokeniser: Tokeniser, source: str, records: Sequence[StoredRecord]
) -> TokenisedRecords | None:
    """The tokens of some records of one source; None when one is of another version of the rules. Runs in a worker."""
    sealer = RecordSealer(cipher, dataset=dataset, kind=tokeniser.kind)
    canonicals = []
    for _, line, version, sealed in records:
        opened = sealer.open(sealed, source=source, line=line, version=version)
        if opened.normaliser != tokeniser.version:
            return None
        canonicals.append(opened.canonical)
    made = tokeniser.tokenise(canonicals)
    return TokenisedRecords(made.tokens, np.array([record[0] for record in records], dtype=np.int64)[made.owners])
