"""The asked side's job: from a grant proven in the log to the signed receipt.

    grant proven in the log -> peer confirmed, agreement covers, epoch current -> own policy
          -> refusal with plain reasons, or acceptance -> open -> confirm -> charge -> engine (sender) -> receipt

Nothing is answered before the log holds a trace of the question.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.matching.driver import drive
from tacita_node.matching.job import JobTools, MatchJob
from tacita_node.matching.response import Acceptable, Refusable, Response
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.session import MessageKind, ResponderSession, State
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed


class ResponderJob(MatchJob):
    """One match that this node is asked for. Its row is in the database, in state `granted`.

    Args:
        session: holds the verified grant.
        decide: this node's own answer.
        one_at_a_time: held from the answer to its record, so that two answers never count on the same budget.
    """

    def __init__(
        self,
        request: Signed[MatchRequest],
        grant: Signed[Grant],
        session: ResponderSession,
        decide: Callable[[Signed[MatchRequest], Signed[Grant]], Coroutine[Any, Any, Response]],
        one_at_a_time: asyncio.Lock,
        tools: JobTools,
    ) -> None:
        super().__init__(request.body.match, Direction.RESPONDER, session, tools)
        self._request = request
        self._grant = grant
        self._responder = session
        self._decide = decide
        self._one_at_a_time = one_at_a_time

    async def _conduct(self) -> int | None:
        self._finish_before(self._grant.body.start_before)
        snapshot = await self._answer()
        if snapshot is None:
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
        return await self._unless_ended(self._match(snapshot, session_id))

    async def _answer(self) -> EpochSnapshot | None:
        """Decides, and writes the answer down together with what it charges, before any of it leaves."""
        async with self._one_at_a_time:
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
                case Acceptable(snapshot=snapshot, policy=policy, obligations=obligations):
                    self._responder.accept(policy=policy, obligations=obligations, now=now)
                    await self._journal.advance(
                        self.match, State.ACCEPTED, since=[State.GRANTED], units=self._grant.body.requester_count
                    )
                    return snapshot

    async def _match(self, snapshot: EpochSnapshot, session_id: bytes) -> int:
        engine, parameters = self._engine(self._grant, session_id)
        # Charged before the first byte that the requester could evaluate leaves; the database says so since the answer.
        self._charged = parameters.receiver_count
        self._session.record_charge(self._charged)
        charged = await drive(
            engine.send(snapshot.tokens, parameters), workers=self._services.pool, messages=self._transport
        )
        await self._transport.receive_end()
        return charged
