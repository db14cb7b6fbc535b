"""Draw the results: one SVG a figure, and the ratios beside peers. Runs in the peers' environment (`plot.py`)."""

import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Picture

from bench.aims import AIMS, Aim
from bench.records import Record, kept
from bench.summary import Beside, Point, beside_peers, points

WIDTH, HEIGHT = 8.0, 4.0
"""Inches."""
HEADROOM = 1.25
"""Height of an axis over the highest that it shows, so that neither the aim nor its words cover a point."""


def draw(records: Sequence[Record], folder: Path) -> list[Path]:
    """Write all pictures into `folder`; returns them."""
    mpl.rcParams["svg.hashsalt"] = "tacita"  # the same results make the same file
    units = {record.figure.bench: record.figure.unit for record in records}
    pictures = {f"{name}.svg": _over_commits(name, units[name], line) for name, line in points(records).items()}
    if beside := beside_peers(records):
        pictures["peers.svg"] = _bars(beside)
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.savefig(folder / name, metadata={"Date": None})
    return [folder / name for name in pictures]


def _over_commits(name: str, unit: str, line: Sequence[Point]) -> Picture:
    rows = [("value", unit, [point.value for point in line])]
    if any(point.ratio is not None for point in line):
        rows.append(("ratio", "ratio to the peer", [point.ratio or float("nan") for point in line]))
    picture = Picture(figsize=(WIDTH, HEIGHT * len(rows)), layout="constrained")
    commits = [f"{point.commit}\n{point.runs} run{'s' if point.runs > 1 else ''}" for point in line]
    aim = AIMS.get(name)
    for axes, (what, label, values) in zip(picture.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        axes.plot(range(len(line)), values, marker="o")
        axes.set_xticks(range(len(line)), commits, rotation=45, ha="right")
        axes.set_ylabel(label)
        if aim is not None and aim.of == what:
            axes.axhline(aim.bound, linestyle="--", color="tab:red", label=_words(aim))
            axes.legend()
        shown = [*values, aim.bound] if aim is not None and aim.of == what else values
        axes.set_ylim(0, HEADROOM * (max(filter(isfinite, shown)) or 1))
    picture.suptitle(name)
    return picture


def _bars(beside: Sequence[Beside]) -> Picture:
    picture = Picture(figsize=(WIDTH, 1.5 + 0.6 * len(beside)), layout="constrained")
    axes = picture.subplots()
    bars = axes.barh([f"{row.bench}\nbeside {row.peer}" for row in beside], [row.ratio for row in beside])
    axes.bar_label(bars, fmt="%.3g", padding=3)
    axes.axvline(1, linestyle="--", color="tab:grey", label="as long as the peer")
    for index, row in enumerate(beside):
        aim = AIMS.get(row.bench)
        if aim is not None and aim.of == "ratio":
            axes.plot([aim.bound] * 2, [index - 0.4, index + 0.4], color="tab:red")
    axes.set_xlabel("ours over the peer's; red: the aim")
    axes.legend(loc="lower right")
    return picture


def _words(aim: Aim) -> str:
    return f"aim: {aim.must_be} {aim.bound:g}"


if __name__ == "__main__":
    for drawn in draw(kept(), Path(sys.argv[1])):
        print(drawn)
