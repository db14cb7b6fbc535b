"""The client of a node's local API for coroutines: the same calls as `Node`, which says more about each.

async with AsyncNode("http://127.0.0.1:8441", token=token) as node:
    match = await node.match(dataset="suspects", with_="harbour-hotels/agencies", purpose="agency-check",
                             basis="gdpr-6-1-f", case="2026-114")
    for hit in (await match.wait()).hits: ...
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from tacita_sdk import node_calls as calls
from tacita_sdk.audit_export import AuditExport, AuditRecord, AuditRecordDetail
from tacita_sdk.match_end import POLL_SECONDS, MatchResult, has_ended, still_running
from tacita_sdk.node_api import (
    AgreementDraft,
    AgreementRevoked,
    AgreementSummary,
    CatalogueEntry,
    DatasetSummary,
    Distrusted,
    DoctorReport,
    Hits,
    HitView,
    MatchOrder,
    MatchSummary,
    NodeStatus,
    PartnerSummary,
    Provenance,
    PublishOrder,
    PublishReport,
    RejectedLine,
    Rejects,
    Withdrawn,
)
from tacita_sdk.node_imports import AsyncNodeImports

__all__ = ["AsyncMatch", "AsyncNode", "MatchResult"]


class AsyncNode(AsyncNodeImports):
    """One node, reached over its local API with a token of one role. What a call raises says `NodeConnection`.

    Lists that may be long come in pages: `matches()` gathers them all, `iter_matches()` asks for a page when the last
    one is used up.
    """

    async def status(self) -> NodeStatus:
        """Who this node is, and what it still needs before it can match."""
        return await self._run(calls.status())

    async def doctor(self) -> DoctorReport:
        """What the node finds when it examines itself: broker, clock, witnesses, keys, engines, policy, disk."""
        return await self._run(calls.doctor())

    # -- data ---------------------------------------------------------------------------------------------------------

    async def datasets(self) -> tuple[DatasetSummary, ...]:
        """This node's own datasets."""
        return (await self._run(calls.datasets())).datasets

    async def rejects(self, dataset: str, *, source: str) -> Rejects:
        """Every rejected line of one imported source, by number and reason."""
        pages = [page async for page in self._pages(lambda after: calls.rejects(dataset, source, after))]
        return pages[0].model_copy(
            update={"rejects": tuple(one for page in pages for one in page.rejects), "next": None}
        )

    async def iter_rejects(self, dataset: str, *, source: str) -> AsyncIterator[RejectedLine]:
        """The rejected lines of one imported source, page by page."""
        async for page in self._pages(lambda after: calls.rejects(dataset, source, after)):
            for one in page.rejects:
                yield one

    async def provenance(self, source: str, line: int) -> Provenance:
        """Where the record at that line of that source came from, as a hit names it."""
        return await self._run(calls.provenance(source, line))

    async def publish(self, dataset: str, order: PublishOrder) -> PublishReport:
        """Publish the present records as a new epoch: its signed card goes to the broker, the data stays here."""
        return await self._run(calls.publish(dataset, order))

    async def withdraw(self, dataset: str) -> Withdrawn:
        """Withdraw a dataset: nothing about it is answered any more. Publishing it again makes a new epoch."""
        return await self._run(calls.withdraw(dataset))

    # -- partners and agreements --------------------------------------------------------------------------------------

    async def catalogue(self) -> tuple[CatalogueEntry, ...]:
        """Other partners' datasets that this node may discover."""
        return tuple([one async for one in self.iter_catalogue()])

    async def iter_catalogue(self) -> AsyncIterator[CatalogueEntry]:
        """Other partners' datasets that this node may discover, page by page."""
        async for page in self._pages(calls.catalogue):
            for one in page.datasets:
                yield one

    async def partners(self) -> tuple[PartnerSummary, ...]:
        """The federation's partners as the broker lists them, and which of them were confirmed here."""
        return (await self._run(calls.partners())).partners

    async def confirm_partner(self, partner: str, fingerprint: str) -> PartnerSummary:
        """Say that the partner itself read out this fingerprint over another channel. From then on its keys count."""
        return await self._run(calls.confirm_partner(partner, fingerprint))

    async def distrust_partner(self, partner: str) -> Distrusted:
        """Take the confirmation of a partner back, at this node only: it is neither asked nor answered any more."""
        return await self._run(calls.distrust_partner(partner))

    async def agreements(self) -> tuple[AgreementSummary, ...]:
        """Every agreement proposed by or to this node, the latest change first."""
        return tuple([one async for one in self.iter_agreements()])

    async def iter_agreements(self) -> AsyncIterator[AgreementSummary]:
        """Every agreement proposed by or to this node, the latest change first, page by page."""
        async for page in self._pages(calls.agreements):
            for one in page.agreements:
                yield one

    async def agreement(self, agreement: str) -> AgreementSummary:
        """One agreement."""
        return await self._run(calls.agreement(agreement))

    async def propose_agreement(self, draft: AgreementDraft) -> AgreementSummary:
        """Sign a draft first and send it to the partner, who must sign the very same words."""
        return await self._run(calls.propose_agreement(draft))

    async def sign_agreement(self, agreement: str) -> AgreementSummary:
        """Sign an agreement that a confirmed partner proposed."""
        return await self._run(calls.sign_agreement(agreement))

    async def revoke_agreement(self, agreement: str) -> AgreementRevoked:
        """Revoke an agreement for good: it covers nothing here any more, and the other party is told."""
        return await self._run(calls.revoke_agreement(agreement))

    # -- matches ------------------------------------------------------------------------------------------------------

    async def match(
        self,
        *,
        dataset: str,
        with_: str,
        purpose: str,
        basis: str,
        case: str,
        mode: str = "intersection",
        result_to: str = "requester",
        agreement: str | None = None,
        sensitivity: str | None = None,
    ) -> "AsyncMatch":
        """Start a match of an own dataset against `partner/dataset`; returns at once.

        `mode` is `intersection` or `cardinality`. `result_to` says who learns: `requester` (this side), `owner` (a
        silent hit: the partner learns which of its records this side holds, this side learns nothing) or `both`. For
        the last two `sensitivity` is needed (`ordinary`, `financial`, `possible-victim`) unless the own dataset was
        published, whose card says it.
        """
        order = MatchOrder(
            dataset=dataset,
            with_=with_,
            mode=mode,
            result_to=result_to,
            purpose=purpose,
            basis=basis,
            case=case,
            agreement=agreement,
            sensitivity=sensitivity,
        )
        return AsyncMatch(self, (await self._run(calls.order_match(order))).match)

    async def matches(self) -> tuple[MatchSummary, ...]:
        """Every match this node took part in, newest first."""
        return tuple([one async for one in self.iter_matches()])

    async def iter_matches(self) -> AsyncIterator[MatchSummary]:
        """Every match this node took part in, newest first, page by page."""
        async for page in self._pages(calls.matches):
            for one in page.matches:
                yield one

    async def match_summary(self, match: str) -> MatchSummary:
        """One match."""
        return await self._run(calls.match(match))

    async def cancel_match(self, match: str) -> MatchSummary:
        """End a match that runs; both sides sign that it was aborted. `NodeProblem` 409 when it is over already."""
        return await self._run(calls.cancel_match(match))

    async def hits(self, match: str) -> Hits:
        """The released hits of one match, none in mode `cardinality`; `NodeProblem` 409 until they are."""
        pages = [page async for page in self._pages(lambda after: calls.hits(match, after))]
        return pages[0].model_copy(update={"hits": tuple(hit for page in pages for hit in page.hits), "next": None})

    async def iter_hits(self, match: str) -> AsyncIterator[HitView]:
        """The released hits of one match, page by page. Show the notice of `hits` with them."""
        async for page in self._pages(lambda after: calls.hits(match, after)):
            for one in page.hits:
                yield one

    async def iter_audit_records(self) -> AsyncIterator[AuditRecord]:
        """The audit records of this node's matches, newest first, page by page."""
        async for page in self._pages(calls.audit_records):
            for one in page.records:
                yield one

    async def audit_record(self, match: str) -> AuditRecordDetail:
        """One audit record, with every signed statement and proof under it."""
        return await self._run(calls.audit_record(match))

    async def audit_export(self) -> AuditExport:
        """All signed statements and proofs of this node's matches, for `tacita_sdk.verify`."""
        return await self._run(calls.audit_export())


class AsyncMatch:
    """A match that was started: ask how it stands, or wait for its end."""

    def __init__(self, node: AsyncNode, match: str) -> None:
        self._node = node
        self.id = match

    async def summary(self) -> MatchSummary:
        """How it stands now."""
        return await self._node.match_summary(self.id)

    async def cancel(self) -> MatchSummary:
        """End it; both sides sign that it was aborted. `NodeProblem` 409 when it is over already."""
        return await self._node.cancel_match(self.id)

    async def wait(
        self,
        *,
        timeout: float = 3_600.0,  # noqa: ASYNC109 - the same calls as `Match`, whose end is `WaitExpired`
        closed: bool = False,
        on_progress: Callable[[MatchSummary], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> MatchResult:
        """Wait until the match has ended; with `closed`, until its closing entry's proof has been verified as well.

        `on_progress` is given every summary on the way. Raises `WaitExpired` after `timeout` seconds; the match itself
        goes on, as it does when the waiting task is cancelled.
        """
        give_up = clock() + timeout
        while True:
            summary = await self.summary()
            if on_progress is not None:
                on_progress(summary)
            if has_ended(summary, closed=closed):
                hits = (await self._node.hits(self.id)).hits if summary.hits is not None else ()
                return MatchResult(summary, hits)
            if clock() >= give_up:
                raise still_running(summary, timeout)
            await sleep(POLL_SECONDS)
