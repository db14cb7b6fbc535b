"""What a plot shows: for every figure one point a commit, and the newest ratio beside each peer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from bench.records import Record


@dataclass(frozen=True)
class Point:
    """One commit's runs of a figure: how many there were, and the medians."""

    commit: str
    runs: int
    value: float
    ratio: float | None


@dataclass(frozen=True)
class Beside:
    """The newest ratio of a figure to its peer."""

    bench: str
    peer: str
    ratio: float


def points(records: Iterable[Record]) -> Mapping[str, list[Point]]:
    """Figure -> its points, commits in the order in which they were first measured.

    Results of different sizes or processors are not comparable: those like the figure's newest are taken.
    """
    of_figure: dict[str, list[Record]] = {}
    for record in records:
        of_figure.setdefault(record.figure.bench, []).append(record)
    return {name: _by_commit(_like_the_newest(measured)) for name, measured in of_figure.items()}


def beside_peers(records: Iterable[Record]) -> list[Beside]:
    """The newest ratio of every figure that has one, by name."""
    newest = {
        record.figure.bench: Beside(record.figure.bench, record.figure.peer, record.figure.ratio)
        for record in records
        if record.figure.peer is not None and record.figure.ratio is not None
    }
    return [newest[name] for name in sorted(newest)]


def _like_the_newest(measured: list[Record]) -> list[Record]:
    return [record for record in measured if _comparable(record) == _comparable(measured[-1])]


def _comparable(record: Record) -> tuple[object, ...]:
    return record.figure.n, record.figure.unit, record.circumstances.cpu, record.circumstances.cores


def _by_commit(measured: list[Record]) -> list[Point]:
    of_commit: dict[str, list[Record]] = {}
    for record in measured:
        of_commit.setdefault(record.circumstances.commit, []).append(record)
    return [_point(commit, runs) for commit, runs in of_commit.items()]


def _point(commit: str, runs: list[Record]) -> Point:
    ratios = [record.figure.ratio for record in runs if record.figure.ratio is not None]
    return Point(commit, len(runs), median(record.figure.value for record in runs), median(ratios) if ratios else None)
