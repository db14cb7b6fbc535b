"""What holds work up is logged once, until it is another cause or the work got on."""

import pytest
import structlog
from structlog.testing import capture_logs

from tacita_node.causes import Causes, facts_of
from tacita_node.logs import allow_listed
from tacita_node.problems import ProblemError
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable

_log = structlog.get_logger(__name__)

SENTENCE = "Call +447911000001."


def test_a_cause_is_told_until_it_changes_or_is_over() -> None:
    causes = Causes()

    def fails(error: str, work: str = "one") -> None:
        causes.tell(work, _log.warning, "delayed", error=error)

    with capture_logs() as logs:
        for error in ("a", "a", "b", "a", "a"):
            fails(error)
        causes.over("one")
        fails("a")
        fails("a", work="other")
        fails("a")
    assert [entry["error"] for entry in logs] == ["a", "b", "a", "a", "a"]


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (BrokerProblem(401, "signature-time", SENTENCE), {"code": "signature-time", "status": 401}),
        (ProblemError(409, "not-covered", SENTENCE), {"code": "not-covered", "status": 409}),
        (BrokerUnreachable(SENTENCE), {}),
    ],
)
def test_of_an_error_its_class_code_and_status_are_logged_and_no_sentence(
    error: Exception, facts: dict[str, object]
) -> None:
    said = facts_of(error)
    assert said == {"error": type(error).__name__, **facts}
    assert allow_listed(None, "warning", {"event": "closing-delayed", **said}) == {"event": "closing-delayed", **said}
