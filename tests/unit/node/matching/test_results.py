"""The order in which a match's hits are shown."""

import random

from tacita_node.data.service import HitSource
from tacita_node.matching.results import in_file_order


def test_hits_stand_by_source_and_line() -> None:
    """Sources in the order of their import, which is that of the records; lines as numbers, whatever their order."""
    first = [HitSource("f0", line, str(line)) for line in (2, 9, 10, 11, 200, 2**40)]
    second = [HitSource("0f", line, str(line)) for line in (2, 3, 100)]
    shuffled = random.Random(4)
    found = [*shuffled.sample(first, len(first)), *shuffled.sample(second, len(second))]
    assert in_file_order(found) == first + second


def test_of_one_line_the_order_stays() -> None:
    found = [HitSource("f0", line, value) for line, value in [(7, "b"), (3, "x"), (7, "a"), (7, "c")]]
    assert [hit.value for hit in in_file_order(found)] == ["x", "b", "a", "c"]


def test_no_hits_are_no_hits() -> None:
    assert in_file_order([]) == []
