"""A federation of real processes for tests: the demo's, with a bank and an NGO ready to match."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.federation import Federation, Member
from tacita_sdk.errors import NodeUnreachable
from tacita_sdk.node import Node
from tacita_sdk.node_api import AgreementDraft, PublishOrder, TermDraft
from tests.support.campaign.forked_programs import ForkedPrograms
from tests.support.forked_federation import ForkedFederation
from tests.support.recording_proxy import RecordingProxy

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
FAST_CLOSING = {"TACITA_BROKER_DENIAL_CLOSING_MEAN_SECONDS": "0.5"}


@dataclass
class RunningPair:
    """Broker, bank, NGO and two independent witnesses, each its own process under `root`."""

    root: Path
    federation: Federation
    bank: Node
    ngo: Node
    members: tuple[Member, Member]
    tap: RecordingProxy | None

    @property
    def bank_id(self) -> str:
        """The bank's partner id."""
        return self.members[0].partner

    @property
    def ngo_id(self) -> str:
        """The NGO's partner id."""
        return self.members[1].partner

    def load(self, node: Node, dataset: str, kind: str, values: Sequence[str]) -> None:
        """Import values as a one-column CSV into a dataset of that node and publish it to the other side."""
        file = self.root / f"{'bank' if node is self.bank else 'ngo'}-{dataset}.csv"
        file.write_text("value\n" + "".join(f"{value}\n" for value in values), encoding="utf-8")
        report = node.import_csv(file, dataset=dataset, kind=kind, column="value", region="GB")
        assert (report.accepted, report.rejected) == (len(values), 0)
        sensitivity = "financial" if kind == "account" else "ordinary"
        node.publish(dataset, PublishOrder(sensitivity=sensitivity, discoverable_by=("bank", "ngo")))

    def wait_until_ready(self) -> None:
        """Wait until both nodes answer, are approved and know the trust file, at the start or after another."""
        until(lambda: all(_ready(client) for client in (self.bank, self.ngo)))

    def agree(self, draft: AgreementDraft | None = None) -> str:
        """Confirm fingerprints both ways and sign an agreement that the bank proposes.

        Without a draft: bank may ask about accounts, NGO about phones.
        """
        bank, ngo = self.members
        self.bank.confirm_partner(ngo.partner, ngo.fingerprint)
        self.ngo.confirm_partner(bank.partner, bank.fingerprint)
        draft = draft or self._draft()
        agreement = self.bank.propose_agreement(draft).agreement
        until(lambda: agreement in {known.agreement for known in self.ngo.agreements()})
        self.ngo.sign_agreement(agreement)
        until(lambda: self.bank.agreement(agreement).state == "signed")
        return agreement

    def _draft(self) -> AgreementDraft:
        accounts = TermDraft(
            owner=self.ngo_id,
            dataset="accounts",
            kind="account",
            purposes=("payment-screening",),
            legal_bases=("gdpr-6-1-f",),
        )
        phones = TermDraft(
            owner=self.bank_id,
            dataset="phones",
            kind="phone",
            purposes=("victim-protection",),
            legal_bases=("gdpr-6-1-d",),
        )
        return AgreementDraft(
            with_=self.ngo_id, terms=(accounts, phones), approved_by=("a", "b"), their_approvers=("c",)
        )


@contextmanager
def running_pair(root: Path, *, tapped: bool = False, programs: ForkedPrograms | None = None) -> Iterator[RunningPair]:
    """Start everything under `root`; with `tapped`, the nodes reach the broker through a recording proxy.

    With `programs`, processes are forked from theirs, which is quicker, instead of loaded anew.
    """
    with ExitStack() as stack:
        made = (
            Federation(root, FAST_CLOSING)
            if programs is None
            else ForkedFederation(root, FAST_CLOSING, programs=programs)
        )
        federation = stack.enter_context(made)
        tap = None
        if tapped:
            tap = stack.enter_context(RecordingProxy(("127.0.0.1", federation.broker_port)))
            federation.visible_port = tap.port
        info = federation.start_broker()
        with ThreadPoolExecutor() as together:
            nodes = [
                together.submit(federation.enrol, partner, name=f"Test {partner}", kind=partner, jurisdiction="GB")
                for partner in ("bank", "ngo")
            ]
            witnesses = [
                together.submit(federation.start_witness, name, log_vkey=info["log_vkey"])
                for name in ("north", "south")
            ]
        bank, ngo = (node.result() for node in nodes)
        federation.issue_trust(
            log_vkey=info["log_vkey"],
            independent=dict(witness.result() for witness in witnesses),
            nodes={member.partner: member.witness_vkey for member in (bank, ngo)},
        )
        federation.start_node(bank)
        federation.start_node(ngo)
        clients = [stack.enter_context(Node(member.url, token=member.token)) for member in (bank, ngo)]
        pair = RunningPair(root, federation, clients[0], clients[1], (bank, ngo), tap)
        pair.wait_until_ready()
        yield pair


def _ready(node: Node) -> bool:
    try:
        status = node.status()
    except NodeUnreachable:
        return False
    return status.approved and status.trust


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "the federation did not get there in time"
        time.sleep(POLL_SECONDS)
