"""How a running match shows on standard error: one line that is written over on a terminal, else a line per state."""

from typing import TYPE_CHECKING

from tacita_sdk.cli.status_line import StatusLine

if TYPE_CHECKING:
    from tacita_sdk.node_api import MatchSummary


PATIENCE = 3
"""How often the longest pause between two advances may pass again before this counts as waiting for the partner."""


class ProgressLine(StatusLine):
    """Give it every summary on the way.

    A side computes in stretches, between which it waits for what the partner computes. Nobody here knows how long that
    takes, so the time left is that of the own part, "at least", at the rate of the present stretch; in a wait, and when
    the own part is done, none is given. (A rate over stretches and waits would fall, and the time left grow.)
    """

    _began: tuple[float, int] | None = None
    """When the present stretch was first seen, and how much was done then."""
    _advanced = (0.0, 0)
    """The same for the last time that more was done."""
    _pause = 0.0
    """The longest time between two advances in this stretch; 0 before the first."""

    def show(self, summary: "MatchSummary") -> None:
        """Shows where the match stands."""
        self._show(summary.state, summary.state + self._computing(summary))

    def _computing(self, summary: "MatchSummary") -> str:
        if summary.progress is None:
            return ""
        done, total = summary.progress.done, summary.progress.total
        text = f"  {done:,} of {total:,} elements ({done * 100 // total} %)"
        rate = self._rate(done)
        if rate < 1 or done >= total:
            return text
        return f"{text}, {rate:,.0f} a second, at least {(total - done) / rate:,.0f} s left"

    def _rate(self, done: int) -> float:
        """Elements a second in this stretch; 0 where none can be told."""
        now = self._clock()
        since, before = self._advanced
        waited = self._pause > 0 and now - since > PATIENCE * self._pause
        if self._began is None or (waited and done > before):
            self._began = self._advanced = (now, done)
            self._pause = 0.0
        elif done > before:
            self._pause = max(self._pause, now - since)
            self._advanced = (now, done)
        elif waited:
            return 0.0
        (start, first), (end, last) = self._began, self._advanced
        return (last - first) / (end - start) if end > start else 0.0
