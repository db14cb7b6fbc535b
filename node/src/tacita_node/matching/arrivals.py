"""How a request of another partner becomes a job here.

1. The request must be the asker's own: under the key of the card that was confirmed here, or, when none was, under the
   broker's card for it, which is good enough for one thing: to be told no.
2. The grant must be proven to stand in the witnessed log before anything is answered.
3. Its match id must be new: the journal takes an id once, and so a grant is used once, also across restarts.
"""

from dataclasses import dataclass

import structlog

from tacita_node.identity import Replaced, verify_card
from tacita_node.lifecycle.past import chain_before, keep_in
from tacita_node.matching.context import longest_message, session_context
from tacita_node.matching.endings import BAD_DECISION
from tacita_node.matching.job import JobTools, Signals
from tacita_node.matching.jobs import MatchJobs
from tacita_node.matching.journal import MatchIdTaken, MatchJournal, encode_reasons
from tacita_node.matching.responder import ResponderJob
from tacita_node.matching.response import BUSY, Refusable, Responder, Response, is_signed_by
from tacita_node.matching.results import ResultStore
from tacita_node.matching.tables import MatchRow
from tacita_node.services import NodeServices
from tacita_protocol.api import LoggedDecision, MatchView
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import PeerViolation, ProtocolError
from tacita_protocol.session import Granted, MessageKind, ResponderSession, SessionContext, State
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Signed, unverified, verify_statement
from tacita_protocol.statements.vocabulary import Role
from tacita_sdk.errors import BrokerProblem

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Asker:
    """The card under which an asker is answered. `past` holds those before it; of a confirmed one they are known."""

    card: Signed[PartnerCard]
    confirmed: bool
    past: tuple[Replaced, ...] = ()


@dataclass(frozen=True)
class _Arrival:
    """An authentic request with the session that will answer it."""

    request: Signed[MatchRequest]
    asker: _Asker
    context: SessionContext
    session: ResponderSession


class Arrivals:
    """Takes up what others ask of this node."""

    def __init__(self, services: NodeServices, journal: MatchJournal, results: ResultStore, jobs: MatchJobs) -> None:
        self._services = services
        self._journal = journal
        self._results = results
        self._jobs = jobs
        self._responder = Responder(services, journal)

    async def take(self, match: str) -> None:
        """Begins the match `match` that the broker announced. When it returns, the match is in the journal or refused.

        Raises what the broker raises when it cannot be asked, and `ProblemError` without a trust policy.
        """
        if await self._journal.find(match) is not None:
            return
        if self._jobs.crowded:
            _log.error("too-many-matches", match=match)
            return
        try:
            view = await self._services.broker.match(match)
        except BrokerProblem as problem:
            if problem.status != 404:
                raise
            return
        if view.match != match or view.responder != self._services.identity.partner or view.decision is None:
            return
        try:
            if self._services.identity.replaced_since(unverified(MatchRequest, view.request).issued):
                _log.warning("request-under-replaced-keys", match=match)
                return  # whatever would be said about it, the broker takes nothing under the present key
            arrival = await self._authentic(view, view.decision)
        except ProtocolError as error:
            # Not the request of whoever it names: there is nobody to answer.
            _log.warning("request-not-authentic", match=match, error=type(error).__name__)
            return
        try:
            await self._begin(arrival, view.decision)
        except MatchIdTaken:
            _log.warning("match-id-taken", match=match)

    async def _authentic(self, view: MatchView, decision: LoggedDecision) -> _Arrival:
        services = self._services
        claimed = unverified(MatchRequest, view.request)
        if claimed.match != view.match:
            raise PeerViolation("the request is about another match", field="match")
        asker = await self._asker(claimed.requester, view.request)
        key = VerifyKey.from_text(asker.card.body.signing_key)
        request = verify_statement(MatchRequest, view.request, key)
        card = await services.datasets.published_card(claimed.dataset, claimed.epoch)
        if card is None:
            # Without such an epoch the request will be refused, whatever the grant says about it.
            granted = unverified(Grant, decision.decision)
            responder_count, responder_engines = granted.responder_count, request.body.engines
        else:
            responder_count, responder_engines = card.body.padded_size, card.body.engines
        context = session_context(
            services,
            peer=claimed.requester,
            peer_key=key,
            responder_count=responder_count,
            responder_engines=responder_engines,
            custody=await services.custody.salted_head(),
            max_message_bytes=longest_message(claimed, responder_count=responder_count),
        )
        return _Arrival(request, asker, context, ResponderSession(context, view.request))

    async def _asker(self, partner: str, request: str) -> _Asker:
        """An asker by its confirmed card, if that card's key signed the request.

        Otherwise by the card under which it is told no: that of a revoked asker, or the one the broker shows.
        """
        partners = self._services.agreements.partners
        confirmed = await partners.confirmed_card(partner)
        if confirmed is not None and is_signed_by(confirmed, request):
            return _Asker(confirmed, confirmed=True)
        if confirmed is None and (revoked := await partners.remembered_card(partner)) is not None:
            return _Asker(revoked, confirmed=False)
        try:
            view = await self._services.broker.partner(partner)
        except BrokerProblem as problem:
            if problem.status != 404:
                raise
            raise PeerViolation("the broker knows no such asker", field="requester") from problem
        card = verify_card(view.card)
        if card.body.partner != partner:
            raise PeerViolation("the card is another partner's", field="partner")
        return _Asker(card, confirmed=False, past=chain_before(card, view.past))

    async def _begin(self, arrival: _Arrival, decision: LoggedDecision) -> None:
        data = canonical_json(decision.model_dump(mode="json"))
        match = arrival.request.body.match
        try:
            [event] = arrival.session.receive(MessageKind.DECISION, data, self._services.clock())
        except ProtocolError as error:
            _log.error("decision-not-proven", match=match, error=type(error).__name__)
            if arrival.asker.confirmed:
                await self._journal.begin(self._aborted(arrival))
                self._jobs.close(match)
            # Of a stranger's request that the log does not know nothing is kept: a broker that invents partners could
            # make any number of them, and each would be waited for until there is room for no other.
            return
        if not isinstance(event, Granted):
            raise RuntimeError("a responder's session takes grants only")
        async with self._services.database.write() as session:  # before the match: its evidence is never without them
            await keep_in(session, arrival.asker.card, arrival.asker.past)
        await self._journal.begin(self._row(arrival, State.GRANTED, decision=data.decode("utf-8")))
        decide = self._busy if self._jobs.full else self._responder.decide

        def make(signals: Signals) -> ResponderJob:
            tools = JobTools(self._services, self._journal, self._results, signals, arrival.context.custody)
            return ResponderJob(arrival.request, event.grant, arrival.session, decide, tools)

        self._jobs.start(match, make)

    async def _busy(self, _request: Signed[MatchRequest], _grant: Signed[Grant]) -> Response:
        return Refusable((BUSY,), None)

    def _aborted(self, arrival: _Arrival) -> MatchRow:
        now = self._services.clock()
        return self._row(arrival, State.ABORTED, reasons=encode_reasons([BAD_DECISION]), ended=now)

    def _row(self, arrival: _Arrival, state: State, **columns: str | int | None) -> MatchRow:
        asked = arrival.request.body
        return MatchRow(
            match=asked.match,
            role=Role.RESPONDER.value,
            peer=asked.requester,
            peer_card=arrival.asker.card.envelope,
            dataset=asked.dataset,
            own_dataset=asked.dataset,
            own_epoch=asked.epoch,
            responder_count=arrival.context.responder_count,
            custody=arrival.context.custody,
            kind=asked.kind.value,
            mode=asked.mode.value,
            result_to=asked.result_to.value,
            agreement=asked.agreement,
            state=state.value,
            started=self._services.clock(),
            request=arrival.request.envelope,
            **columns,
        )
