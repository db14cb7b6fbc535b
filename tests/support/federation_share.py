"""The runs of the promise, in shares that different processes take.

A run that fails is printed as it was found. To find a shorter one, which takes minutes, play its federation again:
`python -m tests.support.federation_share NUMBER RUNS`, as the failure says; the soak does so by itself.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from types import TracebackType

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.federation_deeds import ENDING, Deed, Step, crash_of, in_vain
from tests.support.federation_machine import FederationMachine
from tests.support.federation_model import End, Kind
from tests.support.federation_run import AUDITED
from tests.support.federation_scene import play_scene
from tests.support.federation_world import World
from tests.support.match_federation import Member
from tests.support.scale import SOAKING, runs

RUNS = runs(test=200, soak=2_000)
SHARES = 4
RUNS_OF_A_WORLD = 25
"""In how many runs one broker and its log are used, before another federation takes their place."""
RUNS_OF_A_SERIES = 5
"""What Hypothesis is asked for at once. From its eleventh run on it would play changed copies of the runs before."""
STEPS = 12
LIMIT_SECONDS = 3 * 3600 if SOAKING else 900
"""What a share may take on a busy machine."""


def play(number: int, *, runs: int, shrink: bool = SOAKING, scene: bool = False) -> Counter[str]:
    """Plays and audits `runs` runs, other ones for each `number`, in a world of their own; how often what was seen.

    One of them is the `scene`, if it is wanted.
    """
    played: Counter[str] = Counter()
    pool: dict[Kind, list[tuple[Member, int]]] = {kind: [] for kind in Kind}
    chosen = settings(
        database=None,
        deadline=None,
        stateful_step_count=STEPS,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with ExitStack() as stack:
        if not shrink:
            stack.push(_telling(f"a shorter run: python -m tests.support.federation_share {number} {runs}"))
        world = stack.enter_context(World())
        namespace = {"world": world, "played": played, "pool": pool, "numbers": count(1)}
        try:
            if scene:
                play_scene(type("Federation", (FederationMachine,), namespace)())
            for series in count():
                # Hypothesis cuts some runs off and does not count them; they are played and audited too.
                left = runs - played[AUDITED]
                if left <= 0:
                    break
                machine = seed(f"{number}, {series}")(type("Federation", (FederationMachine,), namespace))
                now = min(RUNS_OF_A_SERIES, left)
                run_state_machine_as_test(machine, settings=settings(chosen, max_examples=now))
        finally:
            for waiting in pool.values():
                for member, _ in waiting:
                    world.run(member.stop())
    return played


def share(number: int) -> Counter[str]:
    """One of `SHARES` equal shares of the promise's runs, and what must have been played in each of them."""
    played: Counter[str] = Counter()
    left, world = RUNS // SHARES, 0
    while left > 0:
        now = min(left, RUNS_OF_A_WORLD)
        played += play(number + SHARES * world, runs=now, scene=world == 0)
        left, world = left - now, world + 1
    assert played[AUDITED] >= RUNS // SHARES, played
    crashes = [crash_of(role) for role in ("asker", "owner")]
    for what in (*Step, *Deed, *crashes, *map(in_vain, ENDING)):
        assert played[what], (what, played)
    for end in (End.NOT_ORDERED, End.DENIED, End.REFUSED, End.ABORTED, End.COMPLETED):
        assert any(seen.startswith(end) for seen in played), (end, played)
    return played


def _telling(
    how: str,
) -> Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], bool]:
    """An exit of a context that adds to an exception how to go on."""

    def exit_with(_kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> bool:
        if error is not None:
            error.add_note(how)
        return False

    return exit_with


def main() -> None:
    """Plays one federation, and shortens the run that fails."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("number", type=int, help="which federation, as a failure says")
    parser.add_argument("runs", type=int, help="how many runs of it")
    given = parser.parse_args()
    play(given.number, runs=given.runs, shrink=True)


if __name__ == "__main__":
    main()
