"""Why a match ended before its time: a code for programs, a sentence for people, never a detail of the data."""

from tacita_node.problems import ProblemError
from tacita_protocol.errors import EngineFailure, ProtocolError
from tacita_protocol.statements.reason import Reason
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted, SdkError

RESTARTED = Reason(
    code="node-restarted",
    message="The node restarted while the match was running; its keys were in memory only, so it cannot go on.",
)
CANCELLED = Reason(code="cancelled", message="The match was cancelled at this node.")
RESULT_LOST = Reason(
    code="result-lost",
    message="The match was completed, but this node stopped before it had kept the result; order the match again.",
)
DEADLINE = Reason(code="deadline", message="The match did not finish in the time that it was allowed.")
NO_DECISION = Reason(code="no-decision", message="The broker did not decide about the request before it expired.")
PEER_ENDED = Reason(code="peer-ended", message="The other side ended the match, or the broker closed it.")
PEER_VIOLATION = Reason(
    code="peer-violation",
    message="Something that the other side sent is not what the protocol allows; it was not used.",
)
BAD_PROMISE = Reason(
    code="promise-not-proven",
    message="The broker's promise to log the request is not one for this request, so the match was not waited for.",
)
BAD_DECISION = Reason(
    code="decision-not-proven",
    message="The decision could not be verified in the witnessed log, so nothing was answered.",
)
BAD_CLOSING = Reason(
    code="closing-not-proven",
    message="The broker closed the match in a way that the witnessed log does not prove, so nothing is shown.",
)
BROKER_REFUSED = Reason(code="broker-refused", message="The broker refused a message of this match.")
BROKER_UNTRUSTED = Reason(code="broker-untrusted", message="An answer of the broker could not be trusted.")
BROKER_UNREACHABLE = Reason(code="broker-unreachable", message="The broker could not be reached for too long.")
ENGINE_FAILED = Reason(code="engine-failed", message="The matching itself failed on this machine.")
NODE_FAILED = Reason(code="node-failed", message="This node could not go on with the match; its log says why.")


class BrokerDeviated(Exception):
    """Something that the broker said about a match does not hold. The cause says in which respect."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


def ending_of(error: ProtocolError | SdkError | ProblemError | BrokerDeviated) -> Reason:
    """The reason to give for an error that ended a match."""
    match error:
        case BrokerDeviated():
            return error.reason
        case EngineFailure():
            return ENGINE_FAILED
        case ProtocolError():
            return PEER_VIOLATION
        case BrokerUnreachable():
            return BROKER_UNREACHABLE
        case ResponseUntrusted():
            return BROKER_UNTRUSTED
        case BrokerProblem():
            return BROKER_REFUSED
        case _:
            return NODE_FAILED
