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
    first = _first_word(rows)
    if np.any(first[:-1] > first[1:]):
        return False
    tied = np.flatnonzero(first[:-1] == first[1:])
    undecided = np.ones(len(tied), dtype=np.bool_)
    for before, after in zip(_columns(rows[tied]), _columns(rows[tied + 1]), strict=True):
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
    first, first_of_others = _first_word(rows), _first_word(others)
    found = np.isin(first, first_of_others)
    # Candidates agree in eight bytes with some other row; only they are compared whole.
    candidates = rows[found]
    _, group_of_row = group_equal(np.concatenate((candidates, others[np.isin(first_of_others, first[found])])))
    found[found] = np.isin(group_of_row[: len(candidates)], group_of_row[len(candidates) :])
    return found


def _order(rows: Rows) -> NDArray[np.int64]:
    first = _first_word(rows)
    order = np.argsort(first)
    ordered = first[order]
    if np.any(ordered[1:] == ordered[:-1]):  # equal rows, or a peer's: hashes and points differ in eight bytes
        order = np.lexsort(_columns(rows)[::-1])  # the last key is the first to count
    return order.astype(np.int64, copy=False)


def _first_word(rows: Rows) -> NDArray[np.uint64]:
    """The first eight bytes of each row as a number, which compares as they do."""
    return np.ascontiguousarray(rows[:, :8]).view(">u8").ravel().astype(np.uint64)


def _columns(rows: Rows) -> list[NDArray[np.uint64]]:
    """Columns to compare one after the other: the bytes before the words, then the words."""
    lead = rows.shape[1] - _WORDS_BYTES
    words = np.ascontiguousarray(rows[:, lead:]).view(">u8").astype(np.uint64)
    leading = [rows[:, i].astype(np.uint64) for i in range(lead)]
    return leading + [np.ascontiguousarray(words[:, i]) for i in range(words.shape[1])]
