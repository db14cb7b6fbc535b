"""This node's own answer to a granted request. The broker's grant is necessary; what counts is decided here.

1. The asker was not revoked, its card was confirmed by a person here, and the session runs under that card's key.
2. The dataset exists, and the request is about its current epoch: withdrawn records must not be found in an old one.
3. An agreement that both signed, and that the request names, covers it.
4. What the asker could evaluate fits into that agreement's cap, with everything counted that was charged or promised
   under it before. (Of a silent hit that is nothing: there the asker's own node counts.)
5. The policy of this node allows it.
6. What all policies still permit is what was granted.
"""

from dataclasses import dataclass

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.matching.journal import MatchJournal
from tacita_node.services import NodeServices
from tacita_policies.decision import Entrypoint
from tacita_policies.facts import match_input
from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, PeerViolation, SignatureInvalid
from tacita_protocol.psi.engines import engine_named
from tacita_protocol.psi.partition import partitions_for
from tacita_protocol.session.decision import check_allowed
from tacita_protocol.session.runs import evaluated, runs_of
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Signed, verify_statement
from tacita_protocol.statements.vocabulary import Role


@dataclass(frozen=True)
class Refusable:
    """No, and why. `policy` is the digest of the policy that said so, None when it was not asked."""

    reasons: tuple[Reason, ...]
    policy: Digest | None


@dataclass(frozen=True)
class Acceptable:
    """Yes: under these obligations, in so many partitions, with these tokens, charging these units here."""

    policy: Digest
    obligations: Obligations
    partitions: int
    units: int
    snapshot: EpochSnapshot


Response = Refusable | Acceptable

NOT_CONFIRMED = Reason(
    code="partner-not-confirmed",
    message="This node has not confirmed the asking partner's fingerprint, so it answers none of its requests.",
)
REVOKED = Reason(code="partner-revoked", message="The broker has revoked the asking partner, so it gets no answers.")
NO_DATASET = Reason(code="no-such-dataset", message="This node offers no dataset of that name and epoch.")
OLD_EPOCH = Reason(
    code="epoch-outdated",
    message="The dataset has a newer epoch; ask about that one, since records may have been withdrawn.",
)
NO_AGREEMENT = Reason(
    code="no-agreement",
    message="No agreement that both partners signed covers this dataset, purpose, legal basis and way of matching.",
)
CAP_REACHED = Reason(
    code="cap-reached",
    message="The agreement's cap for this period leaves too little for a match of this size; wait, or agree on more.",
)
BUSY = Reason(code="busy", message="This node runs too many matches at the moment; ask again later.")
NOT_ALLOWED = Reason(
    code="obligations", message="What this node's policy still permits is less than what this match would take."
)
TOO_LARGE = Reason(
    code="too-large", message="The two sets are larger than the granted way of matching can take in this mode."
)
NO_ENGINE = Reason(code="no-such-engine", message="This node does not run the granted way of matching.")


class Responder:
    """Decides about requests. Its answers count on what the journal says: let one be recorded before the next."""

    def __init__(self, services: NodeServices, journal: MatchJournal) -> None:
        self._services = services
        self._journal = journal

    async def decide(self, request: Signed[MatchRequest], grant: Signed[Grant]) -> Response:
        """The answer to a request whose grant was verified in the log. Raises `ProblemError` for unreadable data."""
        services, asked = self._services, request.body
        if await services.agreements.partners.is_revoked(asked.requester):
            return Refusable((REVOKED,), None)
        card = await services.agreements.confirmed_card(asked.requester)
        if card is None or not is_signed_by(card, request.envelope):
            return Refusable((NOT_CONFIRMED,), None)
        dataset = await services.datasets.card(asked.dataset)
        if dataset is None or dataset.body.epoch < asked.epoch or _differs(dataset.body, asked):
            return Refusable((NO_DATASET,), None)
        if dataset.body.epoch > asked.epoch:
            return Refusable((OLD_EPOCH,), None)
        agreement = await self._agreement(asked, grant.body)
        if agreement is None:
            return Refusable((NO_AGREEMENT,), None)
        plan = _plan(asked, grant.body)
        if isinstance(plan, Reason):
            return Refusable((plan,), None)
        partitions, units = plan
        if units and not await self._journal.has_left(agreement, units):
            return Refusable((CAP_REACHED,), None)
        decision = await services.decision_point.decide(
            Entrypoint.NODE_RESPOND,
            match_input(
                asked,
                requester=card.body,
                responder=services.identity.card.body,
                dataset=dataset.body,
                agreement=agreement.body,
                history=await self._journal.history(asked.requester, dataset=asked.dataset, epoch=asked.epoch),
                time=services.clock(),
            ),
        )
        policy = services.decision_point.digest
        if not decision.allow:
            return Refusable(decision.reasons, policy)
        obligations = strictest(grant.body.obligations, decision.obligations)
        try:
            check_allowed(obligations, request=asked, grant=grant.body, partitions=partitions)
        except PeerViolation:
            return Refusable((NOT_ALLOWED,), policy)
        snapshot = await services.datasets.published_epoch(asked.dataset, asked.epoch)
        return Acceptable(policy, obligations, partitions, units, snapshot)

    async def _agreement(self, asked: MatchRequest, grant: Grant) -> Signed[Agreement] | None:
        """The agreement that the request names, if it covers it."""
        if asked.agreement is None:
            return None
        covering = await self._services.agreements.covering(
            requester=asked.requester,
            responder=asked.responder,
            owner=asked.responder,
            dataset=asked.dataset,
            kind=asked.kind,
            mode=asked.mode,
            result_to=asked.result_to,
            purpose=asked.purpose,
            legal_basis=asked.legal_basis,
            now=self._services.clock(),
            digest=asked.agreement,
            engine=grant.engine,
        )
        return None if covering is None else covering[0]


def _plan(asked: MatchRequest, grant: Grant) -> tuple[int, int] | Reason:
    """Into how many partitions the match is cut and what the asker could evaluate of this node's set, or why not."""
    counts = {"requester_count": grant.requester_count, "responder_count": grant.responder_count}
    try:
        partitions = partitions_for(engine_named(grant.engine), asked.mode, **counts)
    except LimitExceeded:
        return TOO_LARGE
    except MalformedMessage:
        return NO_ENGINE
    runs = runs_of(asked.result_to, **counts)
    return partitions, sum(evaluated(run, partitions) for run in runs if run.sender is Role.RESPONDER)


def is_signed_by(card: Signed[PartnerCard], request: str) -> bool:
    """Whether a request is under this card's key: another card may have been confirmed, or shown, when it was made."""
    try:
        verify_statement(MatchRequest, request, VerifyKey.from_text(card.body.signing_key))
    except SignatureInvalid:
        return False
    return True


def _differs(card: DatasetCard, asked: MatchRequest) -> bool:
    return (card.kind, card.normaliser) != (asked.kind, asked.normaliser)
