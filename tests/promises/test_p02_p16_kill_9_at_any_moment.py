"""Promises 2 and 16: whatever is killed when, nothing acknowledged is lost or doubled, and there is one log.

Broker, nodes and witnesses are processes that are killed with SIGKILL while they work and started again; see
`tests/support/campaign`. Which party dies next is drawn from the seed; no verdict depends on time or order.
"""

from collections.abc import Callable

import pytest

from tests.support.campaign.parties import PARTIES
from tests.support.campaign.run import Plan, campaign
from tests.support.campaign.verdict import Verdict
from tests.support.scale import KILLS, SEED, SOAKING, runs

pytestmark = pytest.mark.timeout(4 * 3600 if SOAKING else 900)
"""In a soak, what waits more than it computes comes first, and has the computing beside it."""

PLAN = Plan(
    kills=runs(test=12, soak=KILLS),
    lanes=runs(test=2, soak=20),
    requests=runs(test=1, soak=16),
    entries_most=runs(test=3, soak=56),
    matches_most=runs(test=1, soak=2),
    seed=SEED,
)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """One campaign for all tests here."""
    return campaign(tmp_path_factory.mktemp("campaign"), PLAN)


def test_p02_nothing_that_was_acknowledged_is_lost_or_doubled(
    verdict: Verdict, record_property: Callable[[str, object], None]
) -> None:
    for figure in ("kills", "matches_at_once", "acknowledged_entries", "lost", "doubled", "matches"):
        record_property(figure, verdict.figures[figure.replace("_", " ")])
    assert verdict.broken == []
    assert (verdict.figures["lost"], verdict.figures["doubled"]) == (0, 0)
    assert verdict.figures["kills"] == PLAN.kills
    assert all(f"kills of {party}" in verdict.figures for party in PARTIES)
    assert verdict.figures["matches completed"] > 0


def test_p16_every_pair_of_checkpoints_that_anybody_saw_is_consistent(
    verdict: Verdict, record_property: Callable[[str, object], None]
) -> None:
    for figure in ("checkpoints", "pairs_of_checkpoints", "inconsistent"):
        record_property(figure, verdict.figures[figure.replace("_", " ")])
    assert verdict.figures["inconsistent"] == 0
    assert verdict.figures["checkpoints"] > 1
