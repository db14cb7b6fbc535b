"""On what terms a match can be granted: what request, card and policy leave, or a plain reason why nothing is left."""

from dataclasses import dataclass

from tacita_protocol.errors import LimitExceeded
from tacita_protocol.psi.engines import CAPACITIES, negotiate, serves
from tacita_protocol.psi.partition import partitions_for
from tacita_protocol.session.runs import evaluated, runs_of
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.reason import Reason

_CANNOT = Reason(
    code="engine-cannot",
    message="None of the matching methods in the request can give a result of this form to this side.",
)
_NO_FORM = Reason(
    code="form-not-permitted",
    message="A match of this form, with this side learning the result, is not permitted here.",
)
_NO_ENGINE = Reason(
    code="no-common-engine",
    message="None of the matching methods in the request is offered for this dataset and permitted here.",
)
_CANNOT_TAKE = Reason(
    code="too-many-for-engine",
    message="The matching method cannot take sets of this size for a result of this form.",
)
_TOO_LARGE = Reason(code="too-many-elements", message="The match has more elements than are permitted in one match.")
_NOT_APPROVED = Reason(code="not-approved", message="The match needs an approval that this version cannot show.")


@dataclass(frozen=True)
class Terms:
    """What a grant says about how: one engine, and the obligations of all who decided so far.

    `units`: elements that the receivers of all runs could evaluate, the fill of partitions included.
    """

    engine: str
    obligations: Obligations
    units: int


def terms_of(request: MatchRequest, card: DatasetCard, permitted: Obligations) -> Terms | Reason:
    """The terms under the policy's obligations and, where its set is tested, those of the requester's own node."""
    obligations = permitted
    if request.sender_decision is not None:
        try:
            obligations = strictest(permitted, request.sender_decision.obligations)
        except LimitExceeded:  # of all that is combined only the approvals can become too many
            return _NOT_APPROVED
    if not any(serves(engine, request.mode, request.result_to) for engine in request.engines):
        return _CANNOT
    if request.mode not in obligations.modes or request.result_to not in obligations.result_to:
        return _NO_FORM
    engine = negotiate(
        request.engines,
        offered=card.engines,
        permitted=obligations.engines,
        mode=request.mode,
        result_to=request.result_to,
    )
    if engine is None:
        return _NO_ENGINE
    counts = {"requester_count": request.padded_count, "responder_count": card.padded_size}
    try:
        partitions = partitions_for(CAPACITIES[engine], request.mode, **counts)
    except LimitExceeded:
        return _CANNOT_TAKE
    units = [evaluated(run, partitions) for run in runs_of(request.result_to, **counts)]
    if max(units) > obligations.max_elements:
        return _TOO_LARGE
    if obligations.approvals:
        return _NOT_APPROVED
    return Terms(engine, obligations, sum(units))
