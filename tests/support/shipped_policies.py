"""The shipped policies, asked from synchronous tests, and inputs made by naming what differs from an example."""

import asyncio
import json
from pathlib import Path
from typing import Any, TypeVar

from tacita_policies.bundle import Bundle
from tacita_policies.decision import Decision, Entrypoint, Permission
from tacita_policies.embedded import EmbeddedDecisionPoint
from tacita_policies.questions import MatchInput, PermitInput
from tacita_protocol.statements.statement import Part

TABLES = Path(__file__).parents[1] / "unit/policies/tables"
BUSY_MACHINE = 20.0
"""Seconds for one decision, where a test is not about time."""

P = TypeVar("P", bound=Part)


class Policies:
    """A decision point with its own event loop."""

    def __init__(self, runner: asyncio.Runner, bundle: Bundle) -> None:
        self._runner = runner
        self._point = EmbeddedDecisionPoint(bundle, timeout=BUSY_MACHINE)
        runner.run(self._point.start())

    def decide(self, entrypoint: Entrypoint, facts: MatchInput) -> Decision:
        return self._runner.run(self._point.decide(entrypoint, facts))

    def permit(self, entrypoint: Entrypoint, facts: PermitInput) -> Permission:
        return self._runner.run(self._point.permit(entrypoint, facts))

    def close(self) -> None:
        self._runner.run(self._point.close())


def table(name: str) -> list[dict[str, Any]]:
    """The rows of one table of cases."""
    rows: list[dict[str, Any]] = json.loads((TABLES / f"{name}.json").read_text())
    return rows


def changed(example: P, changes: dict[str, Any]) -> P:
    """`example` with other values at some paths, as ``terms.0.kind``; what is named must exist."""
    facts: Any = example.model_dump(mode="json")
    for path, value in changes.items():
        *parents, last = path.split(".")
        target = facts
        for parent in parents:
            target = target[int(parent) if isinstance(target, list) else parent]
        assert last in target, path
        target[last] = value
    return type(example).model_validate_json(json.dumps(facts))
