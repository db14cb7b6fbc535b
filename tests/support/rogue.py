"""A partner that keeps the protocol up to a point and then does not: a session driven by hand."""

from collections.abc import Callable

from tacita_node.matching.context import longest_message, session_context
from tacita_protocol.api import MatchView
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.session import MessageKind, ResponderSession
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import unverified
from tacita_sdk.errors import BrokerProblem
from tests.support.match_federation import Member, system_clock, until


class RogueResponder:
    """Answers one match as `member` (which runs no jobs of its own), up to an open and confirmed session."""

    def __init__(self, member: Member, match: str) -> None:
        self._member = member
        self._match = match
        self._broker = member.running.broker
        self._frames = 0
        self._session: ResponderSession | None = None

    @property
    def session(self) -> ResponderSession:
        assert self._session is not None
        return self._session

    async def confirm(self) -> None:
        """The honest way to a confirmed session."""
        await self._accept(await self._view(lambda view: view.decision is not None))
        opened = await self._view(lambda view: view.open is not None)
        assert opened.open is not None
        self.session.receive(MessageKind.OPEN, opened.open.encode(), system_clock())
        await self.send()
        await self.receive()

    async def receive(self) -> None:
        """The requester's next frame."""
        frame = await self._broker.frame(self._match, Direction.REQUESTER, self._frames, wait=5)
        assert frame is not None
        self._frames += 1
        self.session.receive(MessageKind.FRAME, frame, system_clock())

    async def send(self) -> None:
        """Sends the frames that the session has queued."""
        while (message := self.session.send()) is not None:
            if message.kind is MessageKind.FRAME:
                assert message.sequence is not None
                await self._broker.put_frame(self._match, Direction.RESPONDER, message.sequence, message.data)

    async def _accept(self, view: MatchView) -> None:
        assert view.decision is not None
        services = self._member.running
        asked = unverified(MatchRequest, view.request)
        granted = unverified(Grant, view.decision.decision)
        peer = await services.agreements.confirmed_card(asked.requester)
        assert peer is not None
        context = session_context(
            services,
            peer=asked.requester,
            peer_key=VerifyKey.from_text(peer.body.signing_key),
            responder_count=granted.responder_count,
            responder_engines=asked.engines,
            custody=await services.custody.salted_head(),
            max_message_bytes=longest_message(asked, responder_count=granted.responder_count),
        )
        self._session = ResponderSession(context, view.request)
        data = view.decision.model_dump_json().encode()
        self.session.receive(MessageKind.DECISION, data, system_clock())
        digest = services.decision_point.digest
        self.session.accept(policy=digest, obligations=granted.obligations, partitions=1, now=system_clock())
        message = self.session.send()
        assert message is not None
        await self._broker.send_statement(self._match, "acceptance", message.data.decode())

    async def _view(self, ready: Callable[[MatchView], bool]) -> MatchView:
        found: list[MatchView] = []

        async def there() -> bool:
            try:
                view = await self._broker.match(self._match)
            except BrokerProblem:
                return False
            found[:] = [view]
            return ready(view)

        await until(there)
        return found[0]
