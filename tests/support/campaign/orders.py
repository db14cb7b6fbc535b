"""Concurrent matches between the two nodes of a campaign: some complete, some are denied, some refused.

Each lane orders a match, follows it to its end and orders the next, whatever is killed meanwhile.
"""

import random
import threading
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from tacita_sdk.errors import NodeProblem, NodeUnreachable
from tacita_sdk.node import FINAL_STATES, Match, Node
from tacita_sdk.node_api import AgreementDraft, MatchSummary, PublishOrder, TermDraft
from tests.support.campaign.parties import BANK, NGO, Parties, until
from tests.support.match_federation import IBANS

ACCOUNTS = {BANK: IBANS[:4], NGO: IBANS[2:]}
COMMON = frozenset(IBANS[2:4])
LOOK_SECONDS = 0.5
"""Between two looks at a match that runs."""
PATIENCE_SECONDS = 20.0
"""After a match has ended at its node, how long a lane waits for its closing before it orders the next one."""


@dataclass(frozen=True)
class Order:
    """What a node asks."""

    asker: str
    dataset: str
    with_: str
    purpose: str
    basis: str
    result_to: str = "requester"


BOTH_LEARN = Order(BANK, "book", f"{NGO}/accounts", "payment-screening", "gdpr-6-1-f", result_to="both")
ORDERS = (
    Order(BANK, "book", f"{NGO}/accounts", "payment-screening", "gdpr-6-1-f"),
    Order(BANK, "book", f"{NGO}/accounts", "payment-screening", "gdpr-6-1-f", result_to="owner"),
    BOTH_LEARN,
    Order(BANK, "book", f"{NGO}/accounts", "agency-check", "gdpr-6-1-f"),
    Order(NGO, "accounts", f"{BANK}/book", "victim-protection", "gdpr-6-1-d"),
)
"""Three that complete unless somebody dies, one that the broker denies, one that the other node refuses."""


def prepare(parties: Parties) -> None:
    """Import and publish both sides' accounts, confirm each other, and sign an agreement by which the bank may ask."""
    bank, ngo = parties.node(BANK), parties.node(NGO)
    for node, name, dataset in ((bank, BANK, "book"), (ngo, NGO, "accounts")):
        file = parties.root / f"{dataset}.csv"
        file.write_text("value\n" + "".join(f"{value}\n" for value in ACCOUNTS[name]), encoding="utf-8")
        report = node.import_csv(file, dataset=dataset, kind="account", column="value", region="GB")
        assert report.accepted == len(ACCOUNTS[name])
        node.publish(dataset, PublishOrder(sensitivity="financial", discoverable_by=("bank", "ngo")))
    bank.confirm_partner(NGO, parties.identities[NGO].fingerprint)
    ngo.confirm_partner(BANK, parties.identities[BANK].fingerprint)
    draft = AgreementDraft(
        with_=NGO,
        class_="standing",
        terms=(
            TermDraft(
                owner=NGO,
                dataset="accounts",
                kind="account",
                result_to=("requester", "owner", "both"),
                purposes=("payment-screening",),
                legal_bases=("gdpr-6-1-f",),
            ),
        ),
        units=60_000_000,
        per_minute=2_000_000,
        period_days=1,
        valid_days=30,
        approved_by=("a", "b"),
        their_approvers=("c", "d"),
    )
    agreement = bank.propose_agreement(draft).agreement
    until(lambda: agreement in {known.agreement for known in ngo.agreements()})
    ngo.sign_agreement(agreement)
    until(lambda: bank.agreement(agreement).state == "signed")


@dataclass
class Orders:
    """The lanes. `ended` counts matches that a lane saw closed, `most` how many ran at once at most."""

    parties: Parties
    lanes: int
    seed: int
    ended: int = 0
    running: int = 0
    most: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def start(self, threads: Executor) -> list[Future[None]]:
        """Open all lanes; each future ends after `stop`, and fails with what went wrong."""
        lanes = []
        for lane in range(self.lanes):
            nodes = {name: self.parties.node(name) for name in (BANK, NGO)}
            lanes.append(threads.submit(self._lane, lane, nodes))
        return lanes

    def stop(self) -> None:
        """No more orders; what runs goes on by itself."""
        self._stop.set()

    def check(self, order: Order) -> MatchSummary:
        """Order once and wait for the closing: for a federation that nobody disturbs."""
        node = self.parties.node(order.asker)
        return _ordered(node, order).wait(timeout=240, closed=True).summary

    def _lane(self, lane: int, nodes: dict[str, Node]) -> None:
        chance = random.Random(f"{self.seed}/{lane}")
        while not self._stop.is_set():
            # Most are to complete: they have the most moments at which something can be killed.
            order = chance.choice((*ORDERS[:3], *ORDERS))
            try:
                match = _ordered(nodes[order.asker], order).id
            except (NodeUnreachable, NodeProblem):
                self._stop.wait(LOOK_SECONDS)
                continue
            with self._counting:
                self.running += 1
                self.most = max(self.most, self.running)
            closed = self._followed(nodes[order.asker], match)
            with self._counting:
                self.running -= 1
                self.ended += closed

    def _followed(self, node: Node, match: str) -> bool:
        """Wait for the end of a match. False when its closing does not come, or the campaign ends first."""
        give_up: float | None = None
        while give_up is None or time.monotonic() < give_up:
            try:
                summary = node.match_summary(match)
            except (NodeUnreachable, NodeProblem):
                pass
            else:
                if summary.closed:
                    return True
                if summary.state in FINAL_STATES and give_up is None:
                    give_up = time.monotonic() + PATIENCE_SECONDS
            if self._stop.wait(LOOK_SECONDS):
                return False
        return False


def _ordered(node: Node, order: Order) -> Match:
    return node.match(
        dataset=order.dataset,
        with_=order.with_,
        result_to=order.result_to,
        purpose=order.purpose,
        basis=order.basis,
        case="campaign",
    )
