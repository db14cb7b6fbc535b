"""How an import shows on standard error: one line that is written over on a terminal, else a line per phase."""

from typing import TYPE_CHECKING

from tacita_sdk.cli.status_line import StatusLine

if TYPE_CHECKING:
    from tacita_sdk.import_steps import ImportProgress

_UNITS = {"sending": "bytes", "reading": "bytes", "storing": "rows"}


class ImportLine(StatusLine):
    """Give it every progress on the way."""

    last: "ImportProgress | None" = None
    """The progress that was shown last, None before the first."""
    _began = (0.0, 0, 0)
    """When the phase was first seen, and how much of it, and how many rows, were done then."""

    def show(self, progress: "ImportProgress") -> None:
        """Shows how far it is: share, rows a second, and seconds left in this phase."""
        self.last = progress
        if progress.phase != self._step:
            self._began = (self._clock(), progress.done, progress.rows)
        self._show(progress.phase, self._line(progress))

    def _line(self, progress: "ImportProgress") -> str:
        since, done, rows = self._began
        seconds = max(self._clock() - since, 1e-9)
        unit = _UNITS[progress.phase]
        line = f"{progress.phase}  {progress.done:,} of {progress.total:,} {unit}"
        if progress.total:
            line += f" ({progress.done * 100 // progress.total} %)"
        rate = (progress.done - done) / seconds
        if rate < 1:
            return line
        rows_rate = rate if unit == "rows" else (progress.rows - rows) / seconds
        if rows_rate >= 1:
            line += f", {rows_rate:,.0f} rows a second"
        return f"{line}, {(progress.total - progress.done) / rate:,.0f} s left"
