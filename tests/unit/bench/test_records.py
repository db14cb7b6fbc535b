"""Results are kept and read again without loss, and summed up a commit at a time."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.records import Circumstances, Record, circumstances, cpu_model, keep, kept, read_record, record_line
from bench.report import Figure
from bench.summary import Beside, Point, beside_peers, points

AROUND = Circumstances("0123456789", "2026-11-24T18:00:00+00:00", "a processor", 2, 0.25)


def record(commit: str, value: float, ratio: float | None = None, *, bench: str = "x", n: int = 10) -> Record:
    peer = None if ratio is None else "somebody"
    return Record(Figure(bench, n, value, "s", peer, ratio), replace(AROUND, commit=commit))


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    results = tmp_path / "new" / "results.jsonl"
    assert kept(results) == []
    measured = [record("a", 1.5, 0.5), record("b", 2.5)]
    for one in measured:
        keep(one, results)
    assert kept(results) == measured


def test_a_record_is_one_line() -> None:
    line = record_line(record("a", 1.5))
    assert "\n" not in line
    assert read_record(line) == record("a", 1.5)


def test_half_a_record_is_refused() -> None:
    with pytest.raises(KeyError):
        read_record('{"bench": "x"}')


def test_the_circumstances_name_the_commit_of_the_checkout() -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    if head.returncode == 0:
        assert head.stdout.startswith(circumstances().commit.rstrip("+"))
    else:
        assert circumstances().commit == "unknown"  # an archive without its history


@pytest.mark.parametrize(
    ("text", "name"),
    [("processor : 0\nmodel name\t: A: B\nmodel name\t: C\n", "A: B"), ("processor : 0\n", "unknown"), ("", "unknown")],
)
def test_the_processor_has_its_first_name(text: str, name: str) -> None:
    assert cpu_model(text) == name


def test_a_commit_is_one_point_at_its_median() -> None:
    runs = [record("b", 1, 0.1), record("a", 9, 0.9), record("b", 3, 0.3), record("b", 2, 0.5)]
    assert points(runs) == {"x": [Point("b", 3, 2, 0.3), Point("a", 1, 9, 0.9)]}


def test_other_sizes_and_processors_are_left_out() -> None:
    other = Record(record("a", 5).figure, replace(AROUND, commit="a", cpu="another"))
    assert points([record("a", 7, n=9), other, record("a", 1)]) == {"x": [Point("a", 1, 1, None)]}


def test_the_newest_ratio_stands_beside_its_peer() -> None:
    runs = [
        record("a", 1, 0.5, bench="z"),
        record("a", 1, 0.7, bench="y"),
        record("b", 1, 0.4, bench="z"),
        record("b", 1),
    ]
    assert beside_peers(runs) == [Beside("y", "somebody", 0.7), Beside("z", "somebody", 0.4)]
