"""On what terms a match can be granted: what request, card and policy leave, or a plain reason why nothing is left."""

from dataclasses import dataclass

from tacita_protocol.errors import LimitExceeded
from tacita_protocol.psi.engines import negotiate, serves
from tacita_protocol.session.runs import Run, runs_of
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
_TOO_LARGE = Reason(code="too-many-elements", message="The match has more elements than are permitted in one match.")
_NOT_APPROVED = Reason(code="not-approved", message="The match needs an approval that this version cannot show.")


@dataclass(frozen=True)
class Terms:
    """What a grant says about how: one engine, and the obligations of all who decided so far."""

    engine: str
    obligations: Obligations


def runs_asked(request: MatchRequest, card: DatasetCard) -> tuple[Run, ...]:
    """The runs of the match that the request asks for, with padded counts."""
    return runs_of(request.result_to, requester_count=request.padded_count, responder_count=card.padded_size)


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
    if max(run.receiver_count for run in runs_asked(request, card)) > obligations.max_elements:
        return _TOO_LARGE
    if obligations.approvals:
        return _NOT_APPROVED
    return Terms(engine, obligations)
