"""What holds work up is logged once, until it is another cause or the work got on."""

import structlog
from structlog.testing import capture_logs

from tacita_node.causes import Causes

_log = structlog.get_logger(__name__)


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
