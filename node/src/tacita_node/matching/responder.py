"""The asked side's job: from a grant proven in the log to the signed receipt.

    grant proven in the log -> peer confirmed, agreement covers, epoch current -> own policy
          -> refusal with plain reasons, or acceptance -> open -> confirm -> the runs of the engine -> receipt

Nothing is answered before the log holds a trace of the question.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from tacita_node.matching.job import Confirmed, JobTools, MatchJob
from tacita_node.matching.response import Acceptable, Refusable, Response
from tacita_protocol.session import MessageKind, ResponderSession, State
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed


class ResponderJob(MatchJob):
    """One match that this node is asked for. Its row is in the database, in state `granted`.

    Args:
        session: holds the verified grant.
        decide: this node's own answer.
    """

    def __init__(
        self,
        request: Signed[MatchRequest],
        grant: Signed[Grant],
        session: ResponderSession,
        decide: Callable[[Signed[MatchRequest], Signed[Grant]], Coroutine[Any, Any, Response]],
        tools: JobTools,
    ) -> None:
        super().__init__(request, session, tools)
        self._grant = grant
        self._responder = session
        self._decide = decide

    async def _conduct(self) -> Confirmed | None:
        self._finish_before(self._grant.body.start_before)
        accepted = await self._answer()
        if accepted is None:
            return None
        await self._transport.flush()
        self._finish_before(self._grant.body.finish_before)
        view = await self._view(lambda view: view.open is not None)
        if view.open is None:
            raise RuntimeError("waited for the opening")
        self._session.receive(MessageKind.OPEN, view.open.encode("ascii"), self._services.clock())
        await self._journal.advance(self.match, State.OPEN, since=[State.ACCEPTED], open=view.open)
        session_id = await self._unless_ended(self._transport.confirm())
        await self._journal.advance(self.match, State.MATCHING, since=[State.OPEN])
        return Confirmed(self._grant.body, accepted.obligations, accepted.snapshot, session_id)

    async def _answer(self) -> Acceptable | None:
        """Decides, and writes the answer down together with what it reserves, before any of it leaves."""
        async with self._journal.counting:
            response = await self._decide(self._request, self._grant)
            now = self._services.clock()
            match response:
                case Refusable(reasons=reasons, policy=policy):
                    self._responder.refuse(reasons=reasons, policy=policy, now=now)
                    refusal = self._transport.take(MessageKind.REFUSAL)
                    await self._journal.advance(
                        self.match, State.REFUSED, since=[State.GRANTED], reasons=reasons, refusal=refusal
                    )
                    return None
                case Acceptable(policy=policy, obligations=obligations, partitions=partitions, units=units):
                    self._responder.accept(policy=policy, obligations=obligations, partitions=partitions, now=now)
                    if self._session.acceptance is None:
                        raise RuntimeError("a session that accepts has an acceptance")
                    await self._journal.advance(
                        self.match,
                        State.ACCEPTED,
                        since=[State.GRANTED],
                        acceptance=self._session.acceptance.envelope,
                        partitions=partitions,
                        units=units,
                    )
                    return response
