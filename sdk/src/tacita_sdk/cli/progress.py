"""How a running match shows on standard error: one line that is written over on a terminal, else a line per state."""

from typing import TYPE_CHECKING

from tacita_sdk.cli.status_line import StatusLine

if TYPE_CHECKING:
    from tacita_sdk.node_api import MatchSummary


class ProgressLine(StatusLine):
    """Give it every summary on the way."""

    _began: tuple[float, int] | None = None
    """When the first progress was seen, and how much was done then."""

    def show(self, summary: "MatchSummary") -> None:
        """Shows where the match stands."""
        self._show(summary.state, summary.state + self._computing(summary))

    def _computing(self, summary: "MatchSummary") -> str:
        if summary.progress is None:
            return ""
        done, total = summary.progress.done, summary.progress.total
        text = f"  {done:,} of {total:,} elements ({done * 100 // total} %)"
        if self._began is None:
            self._began = (self._clock(), done)
            return text
        since, before = self._began
        rate = (done - before) / max(self._clock() - since, 1e-9)
        return text if rate < 1 else f"{text}, {rate:,.0f} a second, {(total - done) / rate:,.0f} s left"
