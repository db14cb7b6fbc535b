"""Why work that is tried again and again does not get on: said once, not at every try."""

from collections.abc import Callable, Hashable
from typing import Any

from tacita_node.problems import ProblemError
from tacita_sdk.errors import BrokerProblem


def facts_of(error: Exception) -> dict[str, Any]:
    """What a log may say of an error: its class, and with what code and HTTP status it was refused; no sentence."""
    if isinstance(error, BrokerProblem | ProblemError):
        return {"error": type(error).__name__, "code": error.code, "status": error.status}
    return {"error": type(error).__name__}


class Causes:
    """What was said about each piece of work that waits. It is said again only when the cause is another, or came back.

    The owner calls `over` when a piece of work got on; what is never told of takes no room.
    """

    def __init__(self) -> None:
        self._told: dict[Hashable, tuple[str, dict[str, Any]]] = {}

    def tell(self, work: Hashable, log: Callable[..., Any], event: str, **fields: Any) -> None:
        """Logs `event` with `fields`, unless that is what was said last about this piece of work."""
        cause = (event, fields)
        if self._told.get(work) != cause:
            self._told[work] = cause
            log(event, **fields)

    def over(self, work: Hashable) -> None:
        """This piece of work got on: whatever holds it up next is said again."""
        self._told.pop(work, None)
