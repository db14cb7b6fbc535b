"""Matches, as the rest of the node and its users see them: order one, hear of one, look at them."""

from tacita_node.matching.arrivals import Arrivals
from tacita_node.matching.context import longest_message, session_context
from tacita_node.matching.job import JobTools, Signals
from tacita_node.matching.jobs import MatchJobs
from tacita_node.matching.journal import MatchJournal, decode_reasons
from tacita_node.matching.orders import PreparedMatch, prepare
from tacita_node.matching.requester import RequesterJob
from tacita_node.matching.results import ResultStore
from tacita_node.matching.tables import MatchRow
from tacita_node.matching.tested import TestedSet, decide_own
from tacita_node.pages import HITS_A_PAGE, MATCHES_A_PAGE
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_protocol.api import InboxEvent, InboxEventType
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.session import RequesterSession, State
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import ResultTo, Role
from tacita_sdk.node_api import Hits, MatchOrder, MatchSummary, ReasonView

CASE_TABLE = "matches.case"


class MatchService:
    """The matches of one node."""

    def __init__(self, services: NodeServices, journal: MatchJournal, results: ResultStore, jobs: MatchJobs) -> None:
        self._services = services
        self._journal = journal
        self._results = results
        self._jobs = jobs
        self._arrivals = Arrivals(services, journal, results, jobs)

    async def order(self, order: MatchOrder) -> MatchSummary:
        """Begins a match; it goes on by itself. Raises `ProblemError`, or what the broker raises."""
        if self._jobs.full:
            raise ProblemError(429, "busy", "Too many matches run at the moment; order this one again later.")
        with self._jobs.place():
            return await self._start(order)

    async def _start(self, order: MatchOrder) -> MatchSummary:
        prepared = await prepare(self._services, order)
        asked, peer, dataset = prepared.request, prepared.peer.body, prepared.dataset.body
        context = session_context(
            self._services,
            peer=asked.responder,
            peer_key=VerifyKey.from_text(peer.signing_key),
            responder_count=dataset.padded_size,
            responder_engines=dataset.engines,
            custody=await self._services.custody.salted_head(),
            max_message_bytes=longest_message(asked, responder_count=dataset.padded_size),
        )
        request, row = await self._begin(prepared, order, custody=context.custody)
        session = RequesterSession(context, request, prepared.ephemeral)

        def make(signals: Signals) -> RequesterJob:
            tools = JobTools(self._services, self._journal, self._results, signals, context.custody)
            return RequesterJob(request, session, prepared.snapshot, tools)

        self._jobs.start(asked.match, make)
        return self._summary(row)

    async def cancel(self, match: str) -> MatchSummary:
        """Ends a match that runs, with an aborted receipt. Raises `ProblemError` 404, or 409 when it is over."""
        await self._row_of(match)
        if not await self._jobs.cancel(match):
            raise ProblemError(409, "match-over", "This match is over already, so there is nothing to cancel.")
        return await self.match(match)

    async def recheck(self) -> None:
        """Ends the running matches from under which something was taken back. When it returns, they are over."""
        await self._jobs.recheck()

    async def notify(self, event: InboxEvent) -> None:
        """Hears of an event about a match. Raises what the broker raises when it must be asked and cannot be."""
        if event.match is None:
            raise RuntimeError("this event is not about a match")
        if not self._jobs.notify(event) and event.type is InboxEventType.DECISION:
            await self._arrivals.take(event.match)

    async def matches(self, limit: int = MATCHES_A_PAGE, *, after: tuple[int, str] | None = None) -> list[MatchSummary]:
        """The newest matches, newest first: those that come after the one of that start and id."""
        return [self._summary(row) for row in await self._journal.newest(limit, after=after)]

    async def match(self, match: str) -> MatchSummary:
        """One match. Raises `ProblemError` 404."""
        return self._summary(await self._row_of(match))

    async def hits(self, match: str, start: int = 0, limit: int = HITS_A_PAGE) -> Hits:
        """A page of the released hits of a match. Raises `ProblemError` 404, or 409 when there are none to show."""
        return await self._results.released(await self._row_of(match), start, limit)

    async def _row_of(self, match: str) -> MatchRow:
        row = await self._journal.find(match)
        if row is None:
            raise ProblemError(404, "no-such-match", "This node knows no such match.")
        return row

    async def _begin(
        self, prepared: PreparedMatch, order: MatchOrder, *, custody: str
    ) -> tuple[Signed[MatchRequest], MatchRow]:
        """Signs the request and writes it down, with what it reserves of a budget here."""
        if prepared.request.result_to is ResultTo.REQUESTER:
            return await self._record(prepared, prepared.request, order, custody=custody, units=0)
        tested = TestedSet(prepared.snapshot, order.sensitivity, prepared.peer, prepared.dataset, prepared.agreement)
        async with self._journal.counting:
            decision, units = await decide_own(self._services, self._journal, prepared.request, tested)
            return await self._record(prepared, prepared.decided(decision), order, custody=custody, units=units)

    async def _record(
        self, prepared: PreparedMatch, asked: MatchRequest, order: MatchOrder, *, custody: str, units: int
    ) -> tuple[Signed[MatchRequest], MatchRow]:
        request = sign_statement(asked, self._services.identity.keys.signing)
        snapshot = prepared.snapshot
        withdrawn = await self._services.datasets.is_withdrawn(snapshot.dataset, snapshot.epoch)
        case = self._services.cipher.encrypt(order.case.encode("utf-8"), table=CASE_TABLE, row=asked.match)
        row = MatchRow(
            match=asked.match,
            role=Role.REQUESTER.value,
            peer=asked.responder,
            peer_card=prepared.peer.envelope,
            dataset=asked.dataset,
            own_dataset=snapshot.dataset,
            own_epoch=snapshot.epoch,
            own_withdrawn=withdrawn,
            responder_count=prepared.dataset.body.padded_size,
            custody=custody,
            kind=asked.kind.value,
            mode=asked.mode.value,
            result_to=asked.result_to.value,
            agreement=asked.agreement,
            state=State.REQUESTED.value,
            started=asked.issued,
            case_sealed=case,
            request=request.envelope,
            reasons="[]",
            units=units,
            closed=False,
            settled=False,
            released=False,
        )
        await self._journal.begin(row)
        return request, row

    def _summary(self, row: MatchRow) -> MatchSummary:
        reasons = decode_reasons(row.reasons)
        return MatchSummary(
            match=row.match,
            role="requester" if row.role == Role.REQUESTER.value else "responder",
            peer=row.peer,
            dataset=row.dataset,
            kind=row.kind,
            mode=row.mode,
            result_to=row.result_to,
            state=row.state,
            outcome=row.outcome,
            reasons=tuple(ReasonView(code=reason.code, message=reason.message) for reason in reasons),
            hits=self._results.count(row),
            progress=self._jobs.progress(row.match),
            started=row.started,
            ended=row.ended,
            closed=row.closed,
        )
