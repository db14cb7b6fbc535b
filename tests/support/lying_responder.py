"""An owner that keeps the protocol up to a point of the test's choosing."""

from tacita_node.matching.context import longest_message, session_context
from tacita_node.services import NodeServices
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.session import MessageKind, ResponderSession
from tacita_protocol.statements.acceptance import Acceptance
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import sign_statement, unverified
from tests.support.lying_partner import LyingPartner


class LyingResponder(LyingPartner):
    """Answers with the keys and data of a node that keeps still."""

    session: ResponderSession

    def __init__(self, services: NodeServices, match: str) -> None:
        super().__init__(services, match, Direction.RESPONDER)

    async def accept(self, **changes: object) -> None:
        """Accepts what was granted; `changes` deviate from what the session signs."""
        view = await self.view(lambda view: view.decision is not None)
        assert view.decision is not None
        services = self.services
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
        self.tokens = (await services.datasets.latest_epoch(asked.dataset)).tokens
        self.session = ResponderSession(context, view.request)
        self.session.receive(MessageKind.DECISION, view.decision.model_dump_json().encode(), services.clock())
        self.session.accept(
            policy=services.decision_point.digest,
            obligations=granted.obligations,
            partitions=1,
            now=services.clock(),
        )
        message = self.session.send()
        assert message is not None
        acceptance = unverified(Acceptance, message.data).model_copy(update=changes)
        signed = sign_statement(acceptance, services.identity.keys.signing)
        await self.broker.send_statement(self.match, "acceptance", signed.envelope)

    async def open(self) -> None:
        """The honest way from the acceptance to a confirmed session."""
        view = await self.view(lambda view: view.open is not None)
        assert view.open is not None
        self.session.receive(MessageKind.OPEN, view.open.encode(), self.services.clock())
        await self.confirm()
