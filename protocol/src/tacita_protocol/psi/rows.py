"""Bulk checks and orders on packed rows, without a Python loop over a million elements.

Rows are uint8 arrays of shape `(n, width)` with a width of 32 (tokens) or 33 (compressed points: a sign byte and 32
bytes of x coordinate). The last 32 bytes are read as four big-endian 64-bit words, which compare as the bytes do.
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.uint8]
"""Packed rows, shape `(n, width)`."""

_WORDS_BYTES = 32


def sort_rows(rows: Rows) -> Rows:
    """`rows` in ascending bytewise order."""
    return rows[_order(rows)]


def strictly_ascending(rows: Rows) -> bool:
    """Whether each row is bytewise greater than the one before it."""
    columns = _columns(rows)
    undecided = np.ones(max(len(rows) - 1, 0), dtype=np.bool_)
    for column in columns:
        before, after = column[:-1], column[1:]
        if np.any(undecided & (before > after)):
            return False
        undecided &= before == after
    return not bool(np.any(undecided))


def distinct(rows: Rows) -> bool:
    """Whether no two rows are equal."""
    return strictly_ascending(sort_rows(rows))


def group_equal(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Equal rows brought together: for each group one of its row numbers, and for each row the number of its group."""
    order = _order(rows)
    ordered = rows[order]
    starts = np.ones(len(rows), dtype=np.bool_)
    starts[1:] = np.any(ordered[1:] != ordered[:-1], axis=1)
    group_of_row = np.empty(len(rows), dtype=np.int64)
    group_of_row[order] = np.cumsum(starts) - 1
    return order[starts], group_of_row


def contained(rows: Rows, others: Rows) -> NDArray[np.bool_]:
    """For each of `rows` whether it is one of `others`."""
    _, group_of_row = group_equal(np.concatenate((rows, others)))
    return np.isin(group_of_row[: len(rows)], group_of_row[len(rows) :])


def _order(rows: Rows) -> NDArray[np.int64]:
    return np.lexsort(_columns(rows)[::-1]).astype(np.int64, copy=False)  # lexsort: the last key is the first to count


def _columns(rows: Rows) -> list[NDArray[np.uint64]]:
    """Columns to compare one after the other: the bytes before the words, then the words."""
    lead = rows.shape[1] - _WORDS_BYTES
    words = np.ascontiguousarray(rows[:, lead:]).view(">u8").astype(np.uint64)
    leading = [rows[:, i].astype(np.uint64) for i in range(lead)]
    return leading + [np.ascontiguousarray(words[:, i]) for i in range(words.shape[1])]
