"""One campaign from the first process to the verdict."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.support.campaign.books import all_ended, node_matches
from tests.support.campaign.forked_programs import ForkedPrograms
from tests.support.campaign.kills import STUCK_SECONDS, Kills, drawn
from tests.support.campaign.observer import Observer
from tests.support.campaign.orders import BOTH_LEARN, Orders, prepare
from tests.support.campaign.parties import BANK, LOAD, NGO, Parties, until
from tests.support.campaign.requests import DeniedRequests
from tests.support.campaign.verdict import Seen, Verdict, judge


@dataclass(frozen=True)
class Plan:
    """How much: `kills` in all, matches in `lanes`, `requests` at a time, and what is awaited at most between kills."""

    kills: int
    lanes: int
    requests: int
    entries_most: int
    matches_most: int
    seed: int


def campaign(root: Path, plan: Plan) -> Verdict:
    """Carry a campaign out under `root`. What is broken stands in the verdict; raises when it cannot go on."""
    began = time.monotonic()
    with (
        ForkedPrograms() as programs,
        Parties(root, programs) as parties,
        ThreadPoolExecutor(plan.lanes + 2) as threads,
    ):
        prepare(parties)
        observer = Observer(parties.broker_url, parties.root)
        requests = DeniedRequests(parties, plan.requests)
        orders = Orders(parties, plan.lanes, plan.seed)
        watching = observer.start(threads)
        load = [requests.start(threads), *orders.start(threads)]

        def alright() -> None:
            ended = parties.ended()
            assert not ended, f"ended by themselves: {ended}"
            _raise_failures([watching, *load])

        kills = Kills(parties, lambda: requests.acknowledged, lambda: orders.ended, alright)
        try:
            steps = drawn(plan.seed, kills=plan.kills, entries=plan.entries_most, matches=plan.matches_most)
            kills.carry_out(steps)
        finally:
            requests.stop()
            orders.stop()
        for work in load:
            work.result()
        until(lambda: all_ended(parties), seconds=STUCK_SECONDS, pause=0.5)
        undisturbed = orders.check(BOTH_LEARN)
        seen = Seen(
            exports={
                BANK: parties.node(BANK).audit_export(),
                NGO: parties.node(NGO).audit_export(),
                LOAD: requests.export(),
            },
            requests=requests.requests,
            hits=_hits(parties),
            observer=observer,
        )
        orphans = parties.orphans()
        observer.stop()
        watching.result()
        stopped = parties.stop()
        verdict = judge(parties, seen)
    verdict.require(undisturbed.outcome == "completed", f"an undisturbed match ended as {undisturbed.outcome}")
    verdict.require(orphans == 0, f"{orphans} killed programs left processes behind")
    verdict.require(set(stopped.values()) == {0}, f"stopped in order, programs ended with {stopped}")
    verdict.require(requests.changed_promises == 0, "the same request got another promise")
    killed = {f"kills of {name}": count for name, count in sorted(kills.done.items())}
    about = {"kills": kills.done.total(), "matches at once": orders.most, "seconds": round(time.monotonic() - began)}
    verdict.figures = about | verdict.figures | killed
    return verdict


def _hits(parties: Parties) -> list[frozenset[str]]:
    """What each side is shown of each match whose hits were released to it."""
    return [
        frozenset(hit.value for hit in node.hits(match).hits)
        for name, node in ((BANK, parties.node(BANK)), (NGO, parties.node(NGO)))
        for match, row in node_matches(parties, name).items()
        if row.released
    ]


def _raise_failures(work: list[Future[None]]) -> None:
    for future in work:
        if future.done():
            future.result()
