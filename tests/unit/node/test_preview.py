"""A look at the beginning of a file: what it costs at most, and what a file of many columns still shows."""

import cProfile

import pytest

from tacita_node.config import Limits
from tacita_node.data.preview import (
    GUESS_COLUMNS,
    GUESS_READINGS,
    GUESS_ROWS,
    SHOWN_ROWS,
    Previewed,
    PreviewOrder,
    preview,
)
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.identifiers.normalise import normalise

REGIONS = tuple(
    "GBDEFRITESPTNLBEATCHPLCZSKHUROBGGRIEDKSENOFIEELVLTHRSILUMTCYUS"[start : start + 2] for start in range(0, 62, 2)
)


def csv_of(columns: int, field: str) -> bytes:
    rows = [",".join(f"h{number}" for number in range(columns))] + [",".join([field] * columns)] * (GUESS_ROWS + 10)
    return "\n".join(rows).encode()


def looked(beginning: bytes, regions: tuple[str, ...]) -> tuple[Previewed, int]:
    """What is seen in it, and how many texts were normalised for that."""
    profile = cProfile.Profile()
    order = PreviewOrder(None, None, None, None, regions, whole=True)
    seen = profile.runcall(preview, beginning, order, Limits())
    assert isinstance(seen, Previewed), seen
    counted = [entry.callcount for entry in profile.getstats() if entry.code is normalise.__code__]
    return seen, sum(counted)


@pytest.mark.parametrize("field", ["02079460958", "a.b." * 90 + "org", "xn--" + "a" * 50 + ".org", "DE 12/345"])
def test_no_file_and_no_number_of_regions_makes_it_longer(field: str) -> None:
    _, readings = looked(csv_of(GUESS_COLUMNS * 2, field), REGIONS)
    assert 0 < readings <= GUESS_READINGS + GUESS_ROWS + SHOWN_ROWS


def test_of_many_columns_and_regions_the_guess_is_still_shown_with_all_first_lines() -> None:
    seen, _ = looked(csv_of(GUESS_COLUMNS, "02079460958"), REGIONS)
    assert (seen.column, seen.kind, seen.region, seen.tried, seen.valid) == (
        0,
        Kind.PHONE,
        "GB",
        GUESS_ROWS,
        GUESS_ROWS,
    )
    assert len(seen.lines) == SHOWN_ROWS
