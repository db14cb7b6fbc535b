"""This node's own decision about letting the owner test its set: a silent hit, or a match in which both learn.

Whoever's set is tested decides, and counts. Here that is the asker, and it decides before anything is signed:

1. It is known how sensitive the set is: its last card says so, or, if it was never published, the order does.
2. An agreement that both signed covers the match, and what the owner could evaluate fits into its cap.
3. The policy of this node allows it, as for a request of another partner, and what it permits is enough.
"""

from dataclasses import dataclass

from tacita_node.data.epochs import EpochSnapshot
from tacita_node.matching.journal import MatchJournal
from tacita_node.matching.response import CAP_REACHED, NO_AGREEMENT, NOT_ALLOWED, TOO_LARGE
from tacita_node.problems import ProblemError
from tacita_node.services import NodeServices
from tacita_policies.decision import Entrypoint
from tacita_policies.facts import match_input
from tacita_policies.questions import DatasetFacts
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.psi.engines import engine_named, negotiate
from tacita_protocol.psi.partition import partitions_for
from tacita_protocol.session.runs import evaluated, runs_of
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest, SenderDecision
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Signed
from tacita_protocol.statements.vocabulary import Role, Sensitivity

CODE = "own-policy"


@dataclass(frozen=True)
class TestedSet:
    """The own set of an order, and everything that its decision depends on.

    `sensitivity` is what the order says of the set, if anything.
    """

    snapshot: EpochSnapshot
    sensitivity: str | None
    peer: Signed[PartnerCard]
    asked: Signed[DatasetCard]
    agreement: Signed[Agreement] | None


async def decide_own(
    services: NodeServices, journal: MatchJournal, request: MatchRequest, tested: TestedSet
) -> tuple[SenderDecision, int]:
    """The decision that the request must carry, and the units to reserve with it.

    Call it under `journal.counting` and record the units before that is released. The request's own
    `sender_decision` is not looked at. Raises `ProblemError` 403, 409 or 422; then nothing may leave.
    """
    facts = await _facts(services, tested)
    if tested.agreement is None:
        raise _refusal(NO_AGREEMENT)
    own = tested.snapshot
    decision = await services.decision_point.decide(
        Entrypoint.NODE_RESPOND,
        match_input(
            request,
            requester=services.identity.card.body,
            responder=tested.peer.body,
            dataset=tested.asked.body,
            agreement=tested.agreement.body,
            tested=facts,
            history=await journal.history(request.responder, dataset=own.dataset, epoch=own.epoch),
            time=services.clock(),
        ),
    )
    if not decision.allow:
        raise _refusal(*decision.reasons)
    permits = decision.obligations
    engine = negotiate(
        request.engines,
        offered=tested.asked.body.engines,
        permitted=permits.engines,
        mode=request.mode,
        result_to=request.result_to,
    )
    if engine is None or permits.approvals:
        raise _refusal(NOT_ALLOWED)
    units = _units(engine, request, tested.asked.body.padded_size)
    if units > permits.max_elements:
        raise _refusal(NOT_ALLOWED)
    if not await journal.has_left(tested.agreement, units):
        raise _refusal(CAP_REACHED)
    return SenderDecision(policy=services.decision_point.digest, obligations=permits), units


async def _facts(services: NodeServices, tested: TestedSet) -> DatasetFacts:
    """What a policy is told of the own set."""
    own = tested.snapshot
    card = await services.datasets.last_card(own.dataset)
    try:
        said = None if tested.sensitivity is None else Sensitivity(tested.sensitivity)
    except ValueError:
        raise ProblemError(422, "no-such-sensitivity", "A dataset is ordinary, financial or possible-victim.") from None
    if card is not None:
        if said not in (None, card.body.sensitivity):
            raise ProblemError(409, "sensitivity-differs", "That dataset was published with another sensitivity.")
        sensitivity, jurisdictions = card.body.sensitivity, card.body.jurisdictions
    elif said is not None:
        sensitivity, jurisdictions = said, services.identity.card.body.jurisdictions
    else:
        raise ProblemError(
            409,
            "sensitivity-needed",
            "Say how sensitive that dataset is (--sensitivity): whether a partner may test it depends on it.",
        )
    return DatasetFacts(
        owner=services.identity.partner,
        name=own.dataset,
        kind=own.kind,
        sensitivity=sensitivity,
        jurisdictions=jurisdictions,
    )


def _units(engine: str, request: MatchRequest, responder_count: int) -> int:
    """What the owner could evaluate of the own set. The number of partitions follows from the counts."""
    counts = {"requester_count": request.padded_count, "responder_count": responder_count}
    try:
        partitions = partitions_for(engine_named(engine), request.mode, **counts)
    except LimitExceeded:
        raise _refusal(TOO_LARGE) from None
    runs = runs_of(request.result_to, **counts)
    return sum(evaluated(run, partitions) for run in runs if run.sender is Role.REQUESTER)


def _refusal(*reasons: Reason) -> ProblemError:
    return ProblemError(403, CODE, " ".join(reason.message for reason in reasons))
