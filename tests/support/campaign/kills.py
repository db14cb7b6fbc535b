"""Whom to kill, and when: drawn from a seed, in steps of what the federation has got done since the last kill.

Counting work and not seconds, a campaign disturbs a slow machine as often as a fast one. Some kills follow the one
before at once, so that a party dies while it starts; some take two parties together.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.campaign.parties import BANK, BROKER, NGO, WITNESSES, Parties

STUCK_SECONDS = 600.0
"""No work at all for so long is a federation that does not recover."""
WEIGHTS = {BROKER: 4, BANK: 3, NGO: 3, **dict.fromkeys(WITNESSES, 1)}
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Step:
    """One or two kills: after so many more entries or ended matches, and a moment, for a moment."""

    victims: tuple[str, ...]
    entries: int
    matches: int
    moment: float
    down: float


def drawn(seed: int, *, kills: int, entries: int, matches: int) -> list[Step]:
    """A campaign of `kills` kills; at most `entries` and `matches` are waited for between two steps."""
    chance = random.Random(f"kills/{seed}")
    # Everybody once, then by chance: a short campaign leaves nobody out.
    queue = list(WEIGHTS)
    chance.shuffle(queue)
    steps: list[Step] = []
    while kills:
        victims = [queue.pop()] if queue else [chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]]
        if kills > 1 and chance.random() < 0.15:
            victims.append(chance.choice([name for name in WEIGHTS if name not in victims]))
        kills -= len(victims)
        at_once = chance.random() < 0.2
        steps.append(
            Step(
                victims=tuple(victims),
                entries=0 if at_once else chance.randint(0, entries),
                matches=0 if at_once else chance.randint(0, matches),
                moment=chance.uniform(0, 0.5),
                down=chance.choice((0.0, 0.0, 0.1, 1.0)),
            )
        )
    return steps


@dataclass
class Kills:
    """Carries a campaign out. `entries` and `matches` tell how far the load is; `alright` raises when it failed."""

    parties: Parties
    entries: Callable[[], int]
    matches: Callable[[], int]
    alright: Callable[[], None]
    done: Counter[str] = field(default_factory=Counter)

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Every kill, each party started again."""
        for step in steps:
            self._wait_for(step)
            time.sleep(step.moment)
            for name in step.victims:
                self.parties.kill(name)
                self.done[name] += 1
            time.sleep(step.down)
            for name in step.victims:
                self.parties.start(name)

    def _wait_for(self, step: Step) -> None:
        entries, matches = self.entries() + step.entries, self.matches() + step.matches
        give_up = time.monotonic() + STUCK_SECONDS
        while self.entries() < entries or self.matches() < matches:
            self.alright()
            assert time.monotonic() < give_up, "the federation does not get any further"
            time.sleep(_LOOK_SECONDS)
