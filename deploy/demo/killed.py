"""A power cut in the middle of a match: the answering node dies, comes back, and both sides and the log agree."""

import time
from dataclasses import dataclass

from deploy.demo.cast import Party, wait_until_ready
from deploy.demo.federation import Federation
from deploy.demo.questions import MATCH_SECONDS
from tacita_sdk.node import FINAL_STATES, Match, MatchResult

IN_THE_MIDDLE = FINAL_STATES | {"matching", "closing"}
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Interrupted:
    """How a match that lost a node ended, as each side has it once the log's closing entry is verified."""

    state_when_killed: str
    asker: MatchResult
    answerer: MatchResult
    restart_seconds: float

    @property
    def agreed(self) -> bool:
        """Whether both sides say the same, and the same as the log."""
        sides = (self.asker.summary, self.answerer.summary)
        return (
            sides[0].state == sides[1].state and sides[0].outcome == sides[1].outcome and all(s.closed for s in sides)
        )

    @property
    def completed(self) -> bool:
        """Whether it was already over when the node died."""
        return self.asker.summary.state == "closed"


def kill_in_the_middle(federation: Federation, answerer: Party, match: Match) -> Interrupted:
    """Wait until the two nodes compute, kill the answering one, start it again, and wait for the end on both sides.

    `match` is the asker's. If it was finished before the kill came, it is complete on both sides.
    """
    give_up = time.monotonic() + MATCH_SECONDS
    while (state := match.summary().state) not in IN_THE_MIDDLE and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)
    federation.kill(answerer.member.partner)
    began = time.monotonic()
    federation.run_node(answerer.member)
    wait_until_ready(answerer.node)
    restarted = time.monotonic() - began
    return Interrupted(
        state,
        match.wait(timeout=MATCH_SECONDS, closed=True),
        Match(answerer.node, match.id).wait(timeout=MATCH_SECONDS, closed=True),
        restarted,
    )
