"""From what Rego said to a decision: complete and consistent, or denied.

There is one result per rule that was asked: the shipped policy's, and that of the operator's own rules where there are
any. All must allow, and the strictest obligations hold, so own rules can only be stricter. An approval that they demand
must be there already.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import Annotated

from pydantic import Field, ValidationError

from tacita_policies.decision import MAX_REASONS, NOTHING, Decision, Failure, denied_by
from tacita_protocol.crypto.jcs import JSONValue
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Part


class _Answer(Part):
    """The `decision` of a policy as Rego prints it."""

    allow: bool
    reasons: Annotated[tuple[Reason, ...], Field(max_length=MAX_REASONS)]
    obligations: Obligations = NOTHING


def read_answer(results: Sequence[Mapping[str, JSONValue]], *, approvals: Collection[str]) -> Decision:
    """One decision out of the results of all rules; anything unexpected in one of them denies.

    `approvals` are the roles that have approved, as the input said; a demanded one that is missing denies as well.
    """
    if not results:
        return denied_by(Failure.UNDEFINED)
    decisions: list[Decision] = []
    for result in results:
        decision = _read_one(result)
        if isinstance(decision, Failure):
            return denied_by(decision)
        decisions.append(decision)
    reasons = tuple(dict.fromkeys(reason for decision in decisions for reason in decision.reasons))
    if reasons:
        return Decision(allow=False, reasons=reasons[:MAX_REASONS], obligations=NOTHING)
    try:
        obligations = reduce(strictest, [decision.obligations for decision in decisions])
        allowed = Decision(allow=True, reasons=(), obligations=obligations)
    except ValidationError:
        return denied_by(Failure.NOTHING_LEFT)
    missing = tuple(_not_approved(role) for role in obligations.approvals if role not in approvals)
    return Decision(allow=False, reasons=missing, obligations=NOTHING) if missing else allowed


def _not_approved(role: str) -> Reason:
    return Reason(code="not-approved", message=f"Somebody in the role {role} must approve this match first.")


def _read_one(result: Mapping[str, JSONValue]) -> Decision | Failure:
    if "value" not in result:
        return Failure.UNDEFINED if result.get("failure") == "undefined" else Failure.ERROR
    try:
        answer = _Answer.model_validate_json(json.dumps(result["value"]))
        return Decision(allow=answer.allow, reasons=answer.reasons, obligations=answer.obligations)
    except ValidationError:
        return Failure.MALFORMED
