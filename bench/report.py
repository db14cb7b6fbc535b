"""One JSON line per figure on standard output, progress for people on standard error."""

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Attributes:
        bench: its name, as given on the command line.
        n: elements, repetitions or whatever the figure grows with; `unit` says what `value` is in.
        value, unit: what was measured.
        peer: what it was compared with in the same run, where there is something.
        ratio: ours over the peer's.
    """

    bench: str
    n: int
    value: float
    unit: str
    peer: str | None = None
    ratio: float | None = None


def print_figure(figure: Figure) -> None:
    """Print the figure as a JSON line."""
    print(json.dumps(asdict(figure)), flush=True)


def progress(text: str) -> None:
    """Tell a waiting person something."""
    print(text, file=sys.stderr, flush=True)
