"""The client of a node's local API: what the `tacita` command does, as typed calls.

with Node("http://127.0.0.1:8441", token=token) as node:
    match = node.match(dataset="suspects", with_="harbour-hotels/agencies", purpose="agency-check",
                       basis="gdpr-6-1-f", case="2026-114")
    for hit in match.wait().hits: ...
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tacita_sdk.audit_export import AuditExport
from tacita_sdk.errors import WaitExpired
from tacita_sdk.node_api import (
    AgreementDraft,
    AgreementList,
    AgreementRevoked,
    AgreementSummary,
    CatalogueEntry,
    CatalogueView,
    Confirmation,
    DatasetList,
    DatasetSummary,
    Distrusted,
    Hits,
    HitView,
    ImportReport,
    MatchList,
    MatchOrder,
    MatchSummary,
    NodeStatus,
    PartnerSummaries,
    PartnerSummary,
    PublishOrder,
    PublishReport,
    Rejects,
    Withdrawn,
)
from tacita_sdk.node_http import NodeConnection

IMPORT_TIMEOUT_SECONDS = 3_600.0
POLL_SECONDS = 0.2
FINAL_STATES = frozenset({"closed", "denied", "refused", "aborted"})


@dataclass(frozen=True)
class MatchResult:
    """How a match ended: its summary, and the hits released to this side (none unless it is the one that learns)."""

    summary: MatchSummary
    hits: tuple[HitView, ...]


class Node(NodeConnection):
    """One node, reached over its local API with a token of one role. What a call raises says `NodeConnection`."""

    def status(self) -> NodeStatus:
        """Who this node is, and what it still needs before it can match."""
        return self._call(NodeStatus, "GET", "/v1/node")

    # -- data ---------------------------------------------------------------------------------------------------------

    def import_csv(
        self,
        file: Path,
        *,
        dataset: str,
        kind: str,
        column: str | None = None,
        region: str | None = None,
        delimiter: str | None = None,
    ) -> ImportReport:
        """Import one column of a CSV file into an own dataset; all of it or, on any error, none of it.

        `column` names the header (the node takes the only column when there is one); `region` (ISO alpha-2) is what
        national spellings are read in; `delimiter` is comma, semicolon or tab, found out when None. Lines that hold no
        valid identifier are counted and kept as rejects.
        """
        options = {"column": column, "region": region and region.upper(), "delimiter": delimiter}
        query = {"kind": kind} | {name: value for name, value in options.items() if value is not None}
        return self._call(
            ImportReport,
            "POST",
            f"/v1/datasets/{dataset}/imports",
            params=query,
            content=file.read_bytes(),
            content_type="text/csv",
            timeout=IMPORT_TIMEOUT_SECONDS,
        )

    def datasets(self) -> tuple[DatasetSummary, ...]:
        """This node's own datasets."""
        return self._call(DatasetList, "GET", "/v1/datasets").datasets

    def rejects(self, dataset: str, *, source: str) -> Rejects:
        """Every rejected line of one imported source, by number and reason."""
        return self._call(Rejects, "GET", f"/v1/datasets/{dataset}/rejects", params={"source": source})

    def publish(self, dataset: str, order: PublishOrder) -> PublishReport:
        """Publish the present records as a new epoch: its signed card goes to the broker, the data stays here."""
        return self._call(PublishReport, "POST", f"/v1/datasets/{dataset}/publish", body=order)

    def withdraw(self, dataset: str) -> Withdrawn:
        """Withdraw a dataset: nothing about it is answered any more. Publishing it again makes a new epoch."""
        return self._call(Withdrawn, "POST", f"/v1/datasets/{dataset}/withdraw")

    # -- partners and agreements --------------------------------------------------------------------------------------

    def catalogue(self) -> tuple[CatalogueEntry, ...]:
        """Other partners' datasets that this node may discover."""
        return self._call(CatalogueView, "GET", "/v1/catalogue").datasets

    def partners(self) -> tuple[PartnerSummary, ...]:
        """The federation's partners as the broker lists them, and which of them were confirmed here."""
        return self._call(PartnerSummaries, "GET", "/v1/partners").partners

    def confirm_partner(self, partner: str, fingerprint: str) -> PartnerSummary:
        """Say that the partner itself read out this fingerprint over another channel. From then on its keys count."""
        return self._call(
            PartnerSummary, "POST", f"/v1/partners/{partner}/confirm", body=Confirmation(fingerprint=fingerprint)
        )

    def distrust_partner(self, partner: str) -> Distrusted:
        """Take the confirmation of a partner back, at this node only: it is neither asked nor answered any more."""
        return self._call(Distrusted, "POST", f"/v1/partners/{partner}/distrust")

    def agreements(self) -> tuple[AgreementSummary, ...]:
        """Every agreement proposed by or to this node."""
        return self._call(AgreementList, "GET", "/v1/agreements").agreements

    def agreement(self, agreement: str) -> AgreementSummary:
        """One agreement."""
        return self._call(AgreementSummary, "GET", f"/v1/agreements/{agreement}")

    def propose_agreement(self, draft: AgreementDraft) -> AgreementSummary:
        """Sign a draft first and send it to the partner, who must sign the very same words."""
        return self._call(AgreementSummary, "POST", "/v1/agreements", body=draft)

    def sign_agreement(self, agreement: str) -> AgreementSummary:
        """Sign an agreement that a confirmed partner proposed."""
        return self._call(AgreementSummary, "POST", f"/v1/agreements/{agreement}/sign")

    def revoke_agreement(self, agreement: str) -> AgreementRevoked:
        """Revoke an agreement for good: it covers nothing here any more, and the other party is told."""
        return self._call(AgreementRevoked, "POST", f"/v1/agreements/{agreement}/revoke")

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
        return Match(self, self._call(MatchSummary, "POST", "/v1/matches", body=order).match)

    def matches(self) -> tuple[MatchSummary, ...]:
        """Every match this node took part in, newest first."""
        return self._call(MatchList, "GET", "/v1/matches").matches

    def match_summary(self, match: str) -> MatchSummary:
        """One match."""
        return self._call(MatchSummary, "GET", f"/v1/matches/{match}")

    def cancel_match(self, match: str) -> MatchSummary:
        """End a match that runs; both sides sign that it was aborted. `NodeProblem` 409 when it is over already."""
        return self._call(MatchSummary, "POST", f"/v1/matches/{match}/cancel")

    def hits(self, match: str) -> Hits:
        """The released hits of one match, none in mode `cardinality`; `NodeProblem` 409 until they are."""
        return self._call(Hits, "GET", f"/v1/matches/{match}/hits")

    def audit_export(self) -> AuditExport:
        """All signed statements and proofs of this node's matches, for `tacita_sdk.verify`."""
        return self._call(AuditExport, "GET", "/v1/audit/export")


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
        `on_progress` is given every summary on the way.

        Raises `WaitExpired` after `timeout` seconds; the match itself goes on.
        """
        give_up = clock() + timeout
        while True:
            summary = self.summary()
            if on_progress is not None:
                on_progress(summary)
            if summary.state in FINAL_STATES and (summary.closed or not closed):
                hits = self._node.hits(self.id).hits if summary.hits is not None else ()
                return MatchResult(summary, hits)
            if clock() >= give_up:
                raise WaitExpired(
                    f"Match {self.id} is still {summary.state} after {timeout:.0f} s; it goes on: "
                    f"ask again with `tacita match show {self.id}`."
                )
            sleep(POLL_SECONDS)
