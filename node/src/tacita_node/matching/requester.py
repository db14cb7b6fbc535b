"""The asking side's job: from the signed request to the signed receipt.

    request -> promise kept -> decision proven in the log -> acceptance -> open -> confirm
            -> the runs of the engine -> receipt

The ephemeral key lives in this job's session only.
"""

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.matching.endings import BAD_DECISION, BAD_PROMISE, NO_DECISION, BrokerDeviated
from tacita_node.matching.job import Confirmed, JobTools, MatchJob
from tacita_node.matching.transport import patiently
from tacita_protocol.api import MatchState, MatchView
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.errors import PeerViolation, ProtocolError
from tacita_protocol.session import Accepted, Denied, Granted, MessageKind, Refused, RequesterSession, State
from tacita_protocol.statements.acceptance import Acceptance
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest, Promise
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.statement import Signed, verify_statement

DECISION_GRACE_SECONDS = 120
"""How long after a request's expiry its decision is still waited for: it must only be *given* before."""

ANSWER_GRACE_SECONDS = 60
"""How long after the last moment to accept an acceptance is still waited for: it must only be *given* before."""


class RequesterJob(MatchJob):
    """One match that this node asked for.

    Args:
        session: fresh; holds the only copy of the ephemeral key.
        snapshot: the own epoch whose tokens the request committed to.
    """

    def __init__(
        self, request: Signed[MatchRequest], session: RequesterSession, snapshot: EpochSnapshot, tools: JobTools
    ) -> None:
        super().__init__(request, session, tools)
        self._requester = session
        self._snapshot = snapshot

    async def _conduct(self) -> Confirmed | None:
        self._finish_before(self._request.body.expires + DECISION_GRACE_SECONDS, NO_DECISION)
        await self._ask()
        grant = await self._decision()
        if grant is None:
            return None
        self._finish_before(grant.start_before + ANSWER_GRACE_SECONDS)
        acceptance = await self._answer()
        if acceptance is None:
            return None
        self._finish_before(grant.finish_before)
        await self._journal.advance(self.match, State.OPEN, since=[State.ACCEPTED])
        session_id = await self._unless_ended(self._transport.confirm())
        await self._journal.advance(self.match, State.MATCHING, since=[State.OPEN])
        obligations = strictest(grant.obligations, acceptance.obligations, *self._own_obligations())
        return Confirmed(grant, obligations, self._snapshot, session_id)

    def _own_obligations(self) -> tuple[Obligations, ...]:
        decided = self._request.body.sender_decision
        return () if decided is None else (decided.obligations,)

    async def _ask(self) -> None:
        """Sends the request; the broker's promise to log it is kept as evidence."""
        message = self._session.send()
        if message is None or message.kind is not MessageKind.REQUEST:
            raise RuntimeError("a requester's session begins with its request")
        envelope = message.data.decode("ascii")
        body = await patiently(lambda: self._services.broker.request_match(envelope))
        identity = self._services.identity
        try:
            promise = verify_statement(Promise, body.promise, identity.broker.key)
            said = promise.body
            if (said.match, said.request, said.broker) != (self.match, self._request.digest, identity.broker.broker):
                raise PeerViolation("the promise is about another request", field="request")
        except ProtocolError as error:
            raise BrokerDeviated(BAD_PROMISE) from error
        await self._journal.keep(self.match, promise=promise.envelope)

    async def _decision(self) -> Grant | None:
        view = await self._view(lambda view: view.decision is not None or self._must_wait(view))
        if view.decision is None:
            # Unsigned, so a hint for people and nothing else: the time for a decision is the same.
            self._requester.await_approval()
            await self._journal.advance(self.match, State.AWAITING_APPROVAL, since=[State.REQUESTED])
            view = await self._view(lambda view: view.decision is not None)
        if view.decision is None:
            raise RuntimeError("waited for a decision")
        data = canonical_json(view.decision.model_dump(mode="json"))
        try:
            [event] = self._session.receive(MessageKind.DECISION, data, self._services.clock())
        except ProtocolError as error:
            raise BrokerDeviated(BAD_DECISION) from error
        kept, since = data.decode("utf-8"), [State.REQUESTED, State.AWAITING_APPROVAL]
        match event:
            case Granted(grant=grant):
                await self._journal.advance(self.match, State.GRANTED, since=since, decision=kept)
                return grant.body
            case Denied(denial=denial):
                reasons = denial.body.reasons
                await self._journal.advance(
                    self.match, State.DENIED, since=since, reasons=reasons, decision=kept, units=0
                )
                return None
            case _:
                raise RuntimeError("a decision yields no such event")

    def _must_wait(self, view: MatchView) -> bool:
        return view.state is MatchState.AWAITING_APPROVAL and self._session.state is State.REQUESTED

    async def _answer(self) -> Acceptance | None:
        view = await self._view(lambda view: view.acceptance is not None or view.refusal is not None)
        if view.refusal is not None:
            kind, envelope = MessageKind.REFUSAL, view.refusal
        elif view.acceptance is not None:
            kind, envelope = MessageKind.ACCEPTANCE, view.acceptance
        else:
            raise RuntimeError("waited for an answer")
        [event] = self._session.receive(kind, envelope.encode("ascii"), self._services.clock())
        match event:
            case Accepted(acceptance=acceptance):
                if self._session.opening is None:
                    raise RuntimeError("a session that takes an acceptance opens it")
                await self._journal.advance(
                    self.match,
                    State.ACCEPTED,
                    since=[State.GRANTED],
                    acceptance=envelope,
                    open=self._session.opening.envelope,
                    partitions=self._session.partitions,
                )
                return acceptance.body
            case Refused(refusal=refusal):
                reasons = refusal.body.reasons
                await self._journal.advance(
                    self.match, State.REFUSED, since=[State.GRANTED], reasons=reasons, refusal=envelope, units=0
                )
                return None
            case _:
                raise RuntimeError("an answer yields no such event")
