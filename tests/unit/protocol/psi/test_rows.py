"""Bulk row operations against their plain counterparts."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.psi.rows import Rows, contained, distinct, group_equal, sort_rows, strictly_ascending

# Few distinct bytes in few places: equal rows, equal prefixes and differences in every word are all frequent.
POINTS = st.lists(st.tuples(st.integers(0, 32), st.sampled_from([1, 127, 128, 255])), max_size=30)


def rows_of(choices: list[tuple[int, int]], width: int) -> Rows:
    rows = np.zeros((len(choices), width), dtype=np.uint8)
    for row, (position, value) in zip(rows, choices, strict=True):
        row[position % width] = value
    return rows


def as_bytes(rows: Rows) -> list[bytes]:
    return [row.tobytes() for row in rows]


@settings(deadline=None)
@given(POINTS, st.sampled_from([32, 33]))
def test_rows_are_sorted_as_bytes_are(choices: list[tuple[int, int]], width: int) -> None:
    rows = rows_of(choices, width)
    assert as_bytes(sort_rows(rows)) == sorted(as_bytes(rows))


@settings(deadline=None)
@given(POINTS, st.sampled_from([32, 33]), st.booleans())
def test_ascending_means_ascending_as_bytes_are(choices: list[tuple[int, int]], width: int, in_order: bool) -> None:
    rows = rows_of(choices, width)
    rows = sort_rows(rows) if in_order else rows
    listed = as_bytes(rows)
    assert strictly_ascending(rows) is all(a < b for a, b in pairwise(listed))


@settings(deadline=None)
@given(POINTS, st.sampled_from([32, 33]))
def test_distinct_means_no_row_twice(choices: list[tuple[int, int]], width: int) -> None:
    rows = rows_of(choices, width)
    assert distinct(rows) is (len(set(as_bytes(rows))) == len(rows))


@settings(deadline=None)
@given(POINTS)
def test_equal_rows_share_a_group(choices: list[tuple[int, int]]) -> None:
    rows = rows_of(choices, 32)
    representatives, group_of_row = group_equal(rows)
    assert len(representatives) == len(set(as_bytes(rows)))
    assert as_bytes(rows[representatives[group_of_row]]) == as_bytes(rows)


@settings(deadline=None)
@given(POINTS, POINTS)
def test_contained_means_one_of_the_others(choices: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    rows, haystack = rows_of(choices, 33), rows_of(others, 33)
    listed = set(as_bytes(haystack))
    assert contained(rows, haystack).tolist() == [row in listed for row in as_bytes(rows)]
