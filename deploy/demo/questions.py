"""One question of one partner to another: asked, waited for, compared with what was planted, and told in sentences."""

import textwrap
import time
from dataclasses import dataclass

from deploy.demo.cast import Party
from deploy.demo.tally import Tally
from tacita_sdk.node import Match, MatchResult

MATCH_SECONDS = 240.0
SHOWN_HITS = 2


@dataclass(frozen=True)
class Question:
    """What is asked of whom, with which reason. Each partner asks for one purpose, on one legal basis."""

    asker: Party
    dataset: str
    of: str
    case: str
    mode: str = "intersection"
    result_to: str = "requester"
    sensitivity: str | None = None

    def ask(self) -> Match:
        """Order the match; returns at once."""
        purpose, basis = REASONS[self.asker.member.partner]
        return self.asker.node.match(
            dataset=self.dataset, with_=self.of, purpose=purpose, basis=basis, case=self.case, mode=self.mode,
            result_to=self.result_to, sensitivity=self.sensitivity,
        )  # fmt: skip


REASONS = {
    "albion-bank": ("payment-screening", "gdpr-6-1-f"),
    "harbour-hotels": ("agency-check", "gdpr-6-1-f"),
    "haven": ("victim-protection", "gdpr-6-1-d"),
}
"""By asking partner, the purpose and the legal basis of its questions."""


def say(text: str) -> None:
    """Print a sentence or two, indented below the chapter's title."""
    print(textwrap.fill(text, 118, initial_indent="  ", subsequent_indent="  "), flush=True)


def chapter(title: str) -> None:
    """Print a chapter's title."""
    print(f"\n{title}", flush=True)


def answered(about: str, match: Match, tally: Tally) -> MatchResult:
    """Wait for a match that must complete."""
    result = match.wait(timeout=MATCH_SECONDS, closed=True)
    reasons = " ".join(reason.message for reason in result.summary.reasons)
    tally.expect(result.summary.state == "closed", f"{about}: {result.summary.state}. {reasons}")
    return result


def show_hits(about: str, file: str, match: Match, planted: frozenset[int], tally: Tally) -> None:
    """Wait for the hits, print them beside what was planted, and the first of them as lines of the learner's file."""
    started = time.monotonic()
    result = answered(about, match, tally)
    tally.count_hits(result, planted)
    found = {hit.line for hit in result.hits}
    say(
        f"{about}: planted {len(planted)}, found {len(planted & found)}, found wrongly {len(found - planted)}"
        f"{_took(started)}"
    )
    for hit in result.hits[:SHOWN_HITS]:
        print(f"      {file}.csv line {hit.line}: {hit.value}")


def _took(started: float) -> str:
    seconds = time.monotonic() - started
    return f" ({seconds:.1f} s)." if seconds >= 0.1 else "."


def show_no(match: Match, expected: str, tally: Tally) -> bool:
    """Wait for a no, and print its reason. Whether it was the expected kind of no."""
    summary = match.wait(timeout=MATCH_SECONDS, closed=True).summary
    reasons = " ".join(reason.message for reason in summary.reasons)
    say(f'Answer: {summary.state}. "{reasons}"')
    tally.expect(summary.state == expected, f"A question was {summary.state}, expected {expected}: {reasons}")
    return summary.state == expected
