"""The client of a node's local API: what the `tacita` command does, as typed calls. `AsyncNode` is its twin.

with Node("http://127.0.0.1:8441", token=token) as node:
    match = node.match(dataset="suspects", with_="harbour-hotels/agencies", purpose="agency-check",
                       basis="gdpr-6-1-f", case="2026-114")
    for hit in match.wait().hits: ...
"""

import time
from collections.abc import Callable, Iterator

from tacita_sdk import node_calls as calls
from tacita_sdk.audit_export import AuditExport, AuditRecord, AuditRecordDetail
from tacita_sdk.match_end import FINAL_STATES, POLL_SECONDS, MatchResult, has_ended, still_running
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
from tacita_sdk.node_imports import NodeImports

__all__ = ["FINAL_STATES", "Match", "MatchResult", "Node"]


class Node(NodeImports):
    """One node, reached over its local API with a token of one role. What a call raises says `NodeConnection`.

    Lists that may be long come in pages: `matches()` gathers them all, `iter_matches()` asks for a page when the last
    one is used up.
    """

    def status(self) -> NodeStatus:
        """Who this node is, and what it still needs before it can match."""
        return self._run(calls.status())

    def doctor(self) -> DoctorReport:
        """What the node finds when it examines itself: broker, clock, witnesses, keys, engines, policy, disk."""
        return self._run(calls.doctor())

    # -- data ---------------------------------------------------------------------------------------------------------

    def datasets(self) -> tuple[DatasetSummary, ...]:
        """This node's own datasets."""
        return self._run(calls.datasets()).datasets

    def rejects(self, dataset: str, *, source: str) -> Rejects:
        """Every rejected line of one imported source, by number and reason."""
        pages = list(self._pages(lambda after: calls.rejects(dataset, source, after)))
        return pages[0].model_copy(
            update={"rejects": tuple(one for page in pages for one in page.rejects), "next": None}
        )

    def iter_rejects(self, dataset: str, *, source: str) -> Iterator[RejectedLine]:
        """The rejected lines of one imported source, page by page."""
        for page in self._pages(lambda after: calls.rejects(dataset, source, after)):
            yield from page.rejects

    def provenance(self, source: str, line: int) -> Provenance:
        """Where the record at that line of that source came from, as a hit names it."""
        return self._run(calls.provenance(source, line))

    def publish(self, dataset: str, order: PublishOrder) -> PublishReport:
        """Publish the present records as a new epoch: its signed card goes to the broker, the data stays here."""
        return self._run(calls.publish(dataset, order))

    def withdraw(self, dataset: str) -> Withdrawn:
        """Withdraw a dataset: nothing about it is answered any more. Publishing it again makes a new epoch."""
        return self._run(calls.withdraw(dataset))

    # -- partners and agreements --------------------------------------------------------------------------------------

    def catalogue(self) -> tuple[CatalogueEntry, ...]:
        """Other partners' datasets that this node may discover."""
        return tuple(self.iter_catalogue())

    def iter_catalogue(self) -> Iterator[CatalogueEntry]:
        """Other partners' datasets that this node may discover, page by page."""
        for page in self._pages(calls.catalogue):
            yield from page.datasets

    def partners(self) -> tuple[PartnerSummary, ...]:
        """The federation's partners as the broker lists them, and which of them were confirmed here."""
        return self._run(calls.partners()).partners

    def confirm_partner(self, partner: str, fingerprint: str) -> PartnerSummary:
        """Say that the partner itself read out this fingerprint over another channel. From then on its keys count."""
        return self._run(calls.confirm_partner(partner, fingerprint))

    def distrust_partner(self, partner: str) -> Distrusted:
        """Take the confirmation of a partner back, at this node only: it is neither asked nor answered any more."""
        return self._run(calls.distrust_partner(partner))

    def agreements(self) -> tuple[AgreementSummary, ...]:
        """Every agreement proposed by or to this node, the latest change first."""
        return tuple(self.iter_agreements())

    def iter_agreements(self) -> Iterator[AgreementSummary]:
        """Every agreement proposed by or to this node, the latest change first, page by page."""
        for page in self._pages(calls.agreements):
            yield from page.agreements

    def agreement(self, agreement: str) -> AgreementSummary:
        """One agreement."""
        return self._run(calls.agreement(agreement))

    def propose_agreement(self, draft: AgreementDraft) -> AgreementSummary:
        """Sign a draft first and send it to the partner, who must sign the very same words."""
        return self._run(calls.propose_agreement(draft))

    def sign_agreement(self, agreement: str) -> AgreementSummary:
        """Sign an agreement that a confirmed partner proposed."""
        return self._run(calls.sign_agreement(agreement))

    def revoke_agreement(self, agreement: str) -> AgreementRevoked:
        """Revoke an agreement for good: it covers nothing here any more, and the other party is told."""
        return self._run(calls.revoke_agreement(agreement))

    # -- matches ------------------------------------------------------------------------------------------------------

    def match(
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
    ) -> "Match":
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
        return Match(self, self._run(calls.order_match(order)).match)

    def matches(self) -> tuple[MatchSummary, ...]:
        """Every match this node took part in, newest first."""
        return tuple(self.iter_matches())

    def iter_matches(self) -> Iterator[MatchSummary]:
        """Every match this node took part in, newest first, page by page."""
        for page in self._pages(calls.matches):
            yield from page.matches

    def match_summary(self, match: str) -> MatchSummary:
        """One match."""
        return self._run(calls.match(match))

    def cancel_match(self, match: str) -> MatchSummary:
        """End a match that runs; both sides sign that it was aborted. `NodeProblem` 409 when it is over already."""
        return self._run(calls.cancel_match(match))

    def hits(self, match: str) -> Hits:
        """The released hits of one match, none in mode `cardinality`; `NodeProblem` 409 until they are."""
        pages = list(self._pages(lambda after: calls.hits(match, after)))
        return pages[0].model_copy(update={"hits": tuple(hit for page in pages for hit in page.hits), "next": None})

    def iter_hits(self, match: str) -> Iterator[HitView]:
        """The released hits of one match, page by page. Show the notice of `hits` with them."""
        for page in self._pages(lambda after: calls.hits(match, after)):
            yield from page.hits

    def iter_audit_records(self) -> Iterator[AuditRecord]:
        """The audit records of this node's matches, newest first, page by page."""
        for page in self._pages(calls.audit_records):
            yield from page.records

    def audit_record(self, match: str) -> AuditRecordDetail:
        """One audit record, with every signed statement and proof under it."""
        return self._run(calls.audit_record(match))

    def audit_export(self) -> AuditExport:
        """All signed statements and proofs of this node's matches, for `tacita_sdk.verify`."""
        return self._run(calls.audit_export())


class Match:
    """A match that was started: ask how it stands, or wait for its end."""

    def __init__(self, node: Node, match: str) -> None:
        self._node = node
        self.id = match

    def summary(self) -> MatchSummary:
        """How it stands now."""
        return self._node.match_summary(self.id)

    def cancel(self) -> MatchSummary:
        """End it; both sides sign that it was aborted. `NodeProblem` 409 when it is over already."""
        return self._node.cancel_match(self.id)

    def wait(
        self,
        *,
        timeout: float = 3_600.0,
        closed: bool = False,
        on_progress: Callable[[MatchSummary], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> MatchResult:
        """Wait until the match has ended; with `closed`, until its closing entry's proof has been verified as well.

        `on_progress` is given every summary on the way. Raises `WaitExpired` after `timeout` seconds; the match itself
        goes on.
        """
        give_up = clock() + timeout
        while True:
            summary = self.summary()
            if on_progress is not None:
                on_progress(summary)
            if has_ended(summary, closed=closed):
                hits = self._node.hits(self.id).hits if summary.hits is not None else ()
                return MatchResult(summary, hits)
            if clock() >= give_up:
                raise still_running(summary, timeout)
            sleep(POLL_SECONDS)
