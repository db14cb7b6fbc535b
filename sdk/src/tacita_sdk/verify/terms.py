"""What a match could do, from what was asked, decided and accepted: who learns what, how much is evaluated.

Each function raises a ProtocolError.
"""

from tacita_protocol.errors import PeerViolation
from tacita_protocol.psi.engines import serves
from tacita_protocol.session.decision import check_allowed, granted_runs
from tacita_protocol.session.runs import evaluated
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import strictest
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_sdk.verify.evidence import MatchEvidence


def check_terms(match: MatchEvidence) -> None:
    """What was granted is what was asked, and everybody who decided allows it.

    1. The engine was offered, and can give such a result to that side; count and normaliser are the request's.
    2. The grant is as strict as what the requester's own node demanded when its set is tested.
    3. Grant and acceptance allow the match, in as many partitions as were accepted.
    """
    grant = match.grant
    if grant is None:
        return
    request, said = match.request.body, grant.body
    # 1. What the broker chose.
    _check_choice(request, said)
    # 2. The requester's own node.
    own = request.sender_decision
    if own is not None and strictest(said.obligations, own.obligations) != said.obligations:
        raise PeerViolation("it is less strict than the requester's own node", field="grant")
    # 3. All together.
    check_allowed(said.obligations, request=request, grant=said)
    if match.acceptance is not None:
        accepted = match.acceptance.body
        both = strictest(said.obligations, accepted.obligations)
        check_allowed(both, request=request, grant=said, partitions=accepted.partitions)


def check_charges(match: MatchEvidence) -> None:
    """A receipt states what the receivers of all runs could evaluate: all of it when completed, never more."""
    if match.grant is None:
        return
    most = 0
    if match.acceptance is not None:
        partitions = match.acceptance.body.partitions
        most = sum(evaluated(run, partitions) for run in granted_runs(match.request.body, match.grant.body))
    for receipt in [*match.receipts.values(), *filter(None, [match.own_receipt])]:
        charged, completed = receipt.body.elements_charged, receipt.body.status is ReceiptStatus.COMPLETED
        if charged > most or (completed and charged != most):
            raise PeerViolation("a receipt charges another number than the counts demand", field="elements_charged")


def _check_choice(request: MatchRequest, grant: Grant) -> None:
    if grant.engine not in request.engines:
        raise PeerViolation("its engine was not offered", field="grant")
    if not serves(grant.engine, request.mode, request.result_to):
        raise PeerViolation("its engine gives no such result to that side", field="grant")
    if grant.normaliser != request.normaliser:
        raise PeerViolation("it names another normaliser", field="grant")
    if grant.requester_count != request.padded_count:
        raise PeerViolation("it allows another count", field="grant")
