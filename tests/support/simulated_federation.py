"""Two real nodes that match with each other in this process, over a broker in memory, in a fraction of a second.

async with simulated_federation(root, EvilBroker(clock), clock) as federation:
    match = await federation.order()
    assert (await federation.bank.ended(match)).outcome == "completed"
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from tacita_node.background import background
from tacita_node.broker_link.inbox import run_inbox
from tacita_node.data.imports import ImportOrder
from tacita_node.data.service import Publication
from tacita_node.matching.jobs import run_jobs
from tacita_node.matching.service import MatchService
from tacita_node.matching.tables import MatchRow
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_node.trust import install_trust
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tacita_sdk.node_api import AgreementDraft, MatchOrder, MatchSummary, TermDraft
from tests.support.broker_simulator import BrokerSimulator
from tests.support.identifiers import accounts
from tests.support.single_node import SingleNode, TestClock, running

T = TypeVar("T")

BANK, NGO = "north-bank", "harbour-ngo"
OVER = frozenset({"closed", "denied", "refused", "aborted"})
DEADLINE_SECONDS = 60.0
"""Far more than anything takes; a busy machine gets it."""

BOOK, ACCOUNTS = accounts(4), accounts(80, start=2)
"""What bank and NGO hold: two in common, and counts that pad to different sizes."""


@dataclass
class SimulatedMember:
    """One partner's running node."""

    node: SingleNode
    working: AsyncExitStack

    async def keep_still(self) -> None:
        """From now on the node answers and asks nothing by itself; its keys and data may be used by hand."""
        await self.working.aclose()

    @property
    def services(self) -> NodeServices:
        """The services behind it."""
        return self.node.services

    @property
    def matches(self) -> MatchService:
        """Its matches."""
        assert self.services.matches is not None
        return self.services.matches

    async def summary(self, match: str) -> MatchSummary | None:
        """A match as its users see it, None before it is known here."""
        try:
            return await self.matches.match(match)
        except ProblemError:
            return None

    async def ended(self, match: str, *, closed: bool = False) -> MatchSummary:
        """The match once it is over here (with `closed`, once its closing is verified)."""

        async def over() -> MatchSummary | None:
            row = await self.summary(match)
            return row if row is not None and row.state in OVER and (row.closed or not closed) else None

        return await until(over)

    async def released(self, match: str) -> bool:
        """Whether the node shows hits of it."""
        answer = await self.node.client.get(f"/v1/matches/{match}/hits")
        return answer.status_code == 200

    async def charged(self, match: str) -> int:
        """The units that the node has booked for a match."""
        async with self.services.database.read() as session:
            return (await session.execute(select(MatchRow.units).where(MatchRow.match == match))).scalar_one()

    async def load(self, dataset: str, values: list[str], *, publish: bool) -> None:
        """Import accounts, and publish them if told to."""
        data = ("value\n" + "\n".join(values) + "\n").encode()
        await self.services.datasets.import_source(data, ImportOrder(dataset, Kind.ACCOUNT, "value", "GB", None))
        if publish:
            kinds = (PartnerKind.BANK, PartnerKind.NGO)
            await self.services.datasets.publish(dataset, Publication(Sensitivity.FINANCIAL, kinds, ()))


def match_order(**changes: str) -> MatchOrder:
    """The bank's question about the NGO's accounts, as the agreement allows it."""
    fields = {
        "dataset": "book",
        "with_": f"{NGO}/accounts",
        "purpose": "payment-screening",
        "basis": "gdpr-6-1-f",
        "case": "2026-114",
    }
    return MatchOrder.model_validate(fields | changes)


@dataclass
class SimulatedFederation:
    """The bank asks, the NGO is asked."""

    broker: BrokerSimulator
    bank: SimulatedMember
    ngo: SimulatedMember

    async def order(self, **changes: str) -> str:
        """The bank asks; the match's id."""
        return (await self.bank.matches.order(match_order(**changes))).match

    async def agree(self, *, units: int = 26_000) -> str:
        """Both confirm each other and sign; the agreement's id."""
        for member, other in ((self.bank, self.ngo), (self.ngo, self.bank)):
            identity = other.services.identity
            await member.services.agreements.partners.confirm(identity.partner, identity.fingerprint)
        term = TermDraft(
            owner=NGO,
            dataset="accounts",
            kind="account",
            result_to=("requester", "owner", "both"),
            purposes=("payment-screening",),
            legal_bases=("gdpr-6-1-f",),
        )
        draft = AgreementDraft(
            with_=NGO, terms=(term,), units=units, approved_by=("compliance",), their_approvers=("director",)
        )
        agreement = (await self.bank.services.agreements.propose(draft)).body.agreement
        await until(lambda: _state(self.ngo, agreement))
        await self.ngo.services.agreements.sign(agreement)
        await until(lambda: _state(self.bank, agreement, "signed"))
        return agreement


@asynccontextmanager
async def simulated_federation(
    root: Path, broker: BrokerSimulator, clock: TestClock, *, units: int = 26_000
) -> AsyncIterator[SimulatedFederation]:
    """Both nodes running and loaded, under an agreement for so many units."""
    async with AsyncExitStack() as stack:
        members = []
        for partner, kind in ((BANK, PartnerKind.BANK), (NGO, PartnerKind.NGO)):
            node = await stack.enter_async_context(
                running(root / partner, broker, clock=clock, partner=partner, kind=kind)
            )
            identity = node.services.identity
            install_trust(
                node.directory.trust, broker.log.trust.text.encode(), broker=identity.broker, own=identity.card.body
            )
            working = await stack.enter_async_context(AsyncExitStack())
            await working.enter_async_context(background(node.services, {"jobs": run_jobs, "inbox": run_inbox}))
            members.append(SimulatedMember(node, working))
        await until(lambda: _running(members))
        federation = SimulatedFederation(broker, *members)
        await federation.bank.load("book", BOOK, publish=False)
        await federation.ngo.load("accounts", ACCOUNTS, publish=True)
        await federation.agree(units=units)
        yield federation


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds, for a limited time."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    while (found := await look()) is None:
        assert time.monotonic() < give_up, "it did not come to this in time"
        await asyncio.sleep(0.02)
    return found


async def _running(members: list[SimulatedMember]) -> bool | None:
    return True if all(member.services.matches is not None for member in members) else None


async def _state(member: SimulatedMember, agreement: str, wanted: str | None = None) -> bool | None:
    known = {one.body.agreement: one.state for one in await member.services.agreements.agreements()}
    return True if agreement in known and wanted in (None, known[agreement]) else None
