"""Whether what a running match stands on still holds, or was taken back since the match began.

1. The peer was not revoked, and the card under which the match began is still the confirmed one.
2. The agreement that the request names still covers it.
3. The set that is asked about, or an own set that the other side tests, was not withdrawn.

A responder that has not accepted yet has decided nothing: all of this is part of its answer (`response`).
"""

from tacita_node.identity import verify_card
from tacita_node.matching.tables import MatchRow
from tacita_node.services import NodeServices
from tacita_protocol.session import State
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import unverified
from tacita_protocol.statements.vocabulary import ResultTo, Role

PEER_REVOKED = Reason(code="peer-revoked", message="The broker revoked the other side while the match was running.")
PEER_NOT_CONFIRMED = Reason(
    code="peer-not-confirmed",
    message="The card of the other side under which the match began is no longer confirmed at this node.",
)
AGREEMENT_ENDED = Reason(
    code="agreement-ended", message="The agreement that covered the match was revoked or ended while it was running."
)
DATASET_WITHDRAWN = Reason(
    code="dataset-withdrawn", message="This node withdrew its dataset while the match was running."
)


class Lapsed(Exception):
    """Something that the match stands on was taken back."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


async def lapsed(services: NodeServices, row: MatchRow) -> Reason | None:
    """Why the running match `row` may not go on; None while it may."""
    responds = row.role == Role.RESPONDER.value
    if responds and row.state == State.GRANTED.value:
        return None
    partners = services.agreements.partners
    covered = row.agreement is None or await _is_covered(services, row)
    if await partners.is_revoked(row.peer):
        return PEER_REVOKED
    card = await partners.confirmed_card(row.peer)
    if card is None or card.digest != verify_card(row.peer_card).digest:
        return PEER_NOT_CONFIRMED
    if not covered:  # asked first: without a confirmed card no agreement covers anything, and that is the reason then
        return AGREEMENT_ENDED
    tested = responds or row.result_to != ResultTo.REQUESTER.value
    # An asker may have its set tested that it offers to nobody any more; what it takes back meanwhile counts.
    if tested and not row.own_withdrawn and await services.datasets.is_withdrawn(row.own_dataset, row.own_epoch):
        return DATASET_WITHDRAWN
    return None


async def _is_covered(services: NodeServices, row: MatchRow) -> bool:
    asked = unverified(MatchRequest, row.request)
    covering = await services.agreements.covering(
        requester=asked.requester,
        responder=asked.responder,
        owner=asked.responder,
        dataset=asked.dataset,
        kind=asked.kind,
        mode=asked.mode,
        result_to=asked.result_to,
        purpose=asked.purpose,
        legal_basis=asked.legal_basis,
        now=services.clock(),
        digest=asked.agreement,
    )
    return covering is not None
