"""When a match has ended, and what the waiting for it gives."""

from dataclasses import dataclass

from tacita_sdk.errors import WaitExpired
from tacita_sdk.node_api import HitView, MatchSummary

POLL_SECONDS = 0.2
FINAL_STATES = frozenset({"closed", "denied", "refused", "aborted"})


@dataclass(frozen=True)
class MatchResult:
    """How a match ended: its summary, and the hits released to this side (none unless it is one that learns)."""

    summary: MatchSummary
    hits: tuple[HitView, ...]


def has_ended(summary: MatchSummary, *, closed: bool) -> bool:
    """Whether a match is over, and with `closed` its closing entry's proof verified as well."""
    return summary.state in FINAL_STATES and (summary.closed or not closed)


def still_running(summary: MatchSummary, seconds: float) -> WaitExpired:
    """What to raise after that time of waiting in vain."""
    return WaitExpired(
        f"Match {summary.match} is still {summary.state} after {seconds:.0f} s; it goes on: "
        f"ask again with `tacita match show {summary.match}`, or wait on with `tacita match wait {summary.match}`."
    )
