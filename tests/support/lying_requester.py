"""An asker that keeps the protocol up to a point of the test's choosing."""

from tacita_node.matching.context import longest_message, session_context
from tacita_node.matching.orders import PreparedMatch, prepare
from tacita_node.services import NodeServices
from tacita_protocol.api import MatchView
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.session import MessageKind, RequesterSession
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import ResultTo
from tacita_sdk.node_api import MatchOrder
from tests.support.lying_partner import LyingPartner
from tests.support.memory_broker import SENDER_DECISION


class LyingRequester(LyingPartner):
    """Asks with the keys and data of a node that knows nothing of it. Made by `asking`."""

    def __init__(
        self, services: NodeServices, prepared: PreparedMatch, request: Signed[MatchRequest], session: RequesterSession
    ) -> None:
        super().__init__(services, request.body.match, Direction.REQUESTER)
        self.session: RequesterSession = session
        self.tokens = prepared.snapshot.tokens
        self.asked = request

    @classmethod
    async def asking(cls, services: NodeServices, order: MatchOrder, **changes: object) -> "LyingRequester":
        """Sends the request for an order, or one that deviates in these fields."""
        prepared = await prepare(services, order)
        asked = prepared.request
        if asked.result_to is not ResultTo.REQUESTER:
            asked = prepared.decided(SENDER_DECISION)
        request = sign_statement(asked.model_copy(update=changes), services.identity.keys.signing)
        dataset = prepared.dataset.body
        context = session_context(
            services,
            peer=request.body.responder,
            peer_key=VerifyKey.from_text(prepared.peer.body.signing_key),
            responder_count=dataset.padded_size,
            responder_engines=dataset.engines,
            custody=await services.custody.salted_head(),
            max_message_bytes=longest_message(request.body, responder_count=dataset.padded_size),
        )
        session = RequesterSession(context, request, prepared.ephemeral)
        first = session.send()
        assert first is not None
        await services.broker.request_match(first.data.decode())
        return cls(services, prepared, request, session)

    async def open(self) -> None:
        """The honest way to an open and confirmed session."""
        await self.granted()
        view = await self.view(lambda view: view.acceptance is not None)
        assert view.acceptance is not None
        self.session.receive(MessageKind.ACCEPTANCE, view.acceptance.encode(), self.services.clock())
        await self.confirm()

    async def granted(self) -> MatchView:
        """Takes the decision."""
        view = await self.view(lambda view: view.decision is not None)
        assert view.decision is not None
        data = view.decision.model_dump_json().encode()
        self.session.receive(MessageKind.DECISION, data, self.services.clock())
        return view
