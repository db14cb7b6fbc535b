"""The demo's search of the broker's files finds what is there, and nothing else."""

from pathlib import Path

import pytest

from deploy.demo.blindness import planted_spellings, seen_by
from deploy.demo.sample_data import SampleData


@pytest.fixture(scope="module")
def planted(data: SampleData) -> list[frozenset[bytes]]:
    return planted_spellings(data)


@pytest.fixture
def broker(tmp_path: Path) -> Path:
    directory = tmp_path / "broker"
    (directory / "log" / "tile").mkdir(parents=True)
    (directory / "broker.db").write_bytes(b"nothing")
    (tmp_path / "broker.log").write_bytes(b"nothing either")
    return directory


def test_it_looks_for_every_planted_detail(planted: list[frozenset[bytes]]) -> None:
    assert len(planted) == 25 + 60 + 30 + 7 + 6 + 8 + 5 + 3 + 4
    assert all(planted)


def test_it_finds_nothing_where_there_is_nothing(planted: list[frozenset[bytes]], broker: Path) -> None:
    assert seen_by(broker, broker.with_suffix(".log"), planted) == 0


@pytest.mark.parametrize("place", ["broker/broker.db", "broker/log/tile/000", "broker.log"])
def test_it_finds_what_is_there(planted: list[frozenset[bytes]], broker: Path, place: str) -> None:
    leaked = b"".join(b"\0" + min(spellings) for spellings in (planted[0], planted[-1]))
    (broker.parent / place).write_bytes(b"before" + leaked + b"after")
    assert seen_by(broker, broker.with_suffix(".log"), planted) == 2
