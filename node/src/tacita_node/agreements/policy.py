"""Whether the node's policy lets it sign an agreement; asked before it proposes and before it signs."""

from tacita_node.clock import Clock
from tacita_node.data.service import DatasetService
from tacita_node.problems import ProblemError
from tacita_policies.decision import DecisionPoint, Entrypoint
from tacita_policies.facts import agree_input
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.partner import PartnerCard


class AgreementPolicy:
    """Puts agreements to `point`. Of the datasets in them it knows the own published ones."""

    def __init__(self, point: DecisionPoint, datasets: DatasetService, *, own: PartnerCard, clock: Clock) -> None:
        self._point = point
        self._datasets = datasets
        self._own = own
        self._clock = clock

    async def require(self, agreement: Agreement, peer: PartnerCard) -> None:
        """Raises `ProblemError` 403 with the policy's sentences for an agreement that it does not permit."""
        known = {}
        for name in {term.dataset for term in agreement.terms if term.owner == self._own.partner}:
            card = await self._datasets.card(name)
            if card is not None:
                known[self._own.partner, name] = card.body
        facts = agree_input(agreement, own=self._own, peer=peer, datasets=known, time=self._clock())
        permission = await self._point.permit(Entrypoint.NODE_AGREE, facts)
        if not permission.allow:
            raise ProblemError(403, "not-permitted", " ".join(reason.message for reason in permission.reasons))
