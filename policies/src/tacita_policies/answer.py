"""From what Rego said to an answer: complete and consistent, or denied.

There is one result per rule that was asked: the shipped policy's, and that of the operator's own rules where there are
any. All must allow, and the strictest obligations hold, so own rules can only be stricter. An approval that they demand
must be there already.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import Annotated, Protocol, TypeVar

from pydantic import Field, ValidationError

from tacita_policies.decision import (
    MAX_REASONS,
    NOTHING,
    Decision,
    Disclosable,
    Failure,
    Permission,
    denied_by,
    refused_by,
)
from tacita_policies.questions import DiscloseInput, PermitInput
from tacita_protocol.crypto.jcs import JSONValue
from tacita_protocol.errors import LimitExceeded
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.reason import Reason
from tacita_protocol.statements.statement import Part


class _Answer(Part):
    """The `decision` of a policy as Rego prints it."""

    allow: bool
    reasons: Annotated[tuple[Reason, ...], Field(max_length=MAX_REASONS)]
    obligations: Obligations = NOTHING


class _Verdict(Protocol):
    @property
    def reasons(self) -> tuple[Reason, ...]: ...


V = TypeVar("V", bound=_Verdict)


def read_answer(results: Sequence[Mapping[str, JSONValue]], *, approvals: Collection[str]) -> Decision:
    """One decision out of the results of all rules; anything unexpected in one of them denies.

    `approvals` are the roles that have approved, as the input said; a demanded one that is missing denies as well.
    """
    decisions = _read_all(results, _decision)
    if isinstance(decisions, Failure):
        return denied_by(decisions)
    if reasons := _reasons(decisions):
        return Decision(allow=False, reasons=reasons, obligations=NOTHING)
    try:
        obligations = strictest(*(decision.obligations for decision in decisions))
        allowed = Decision(allow=True, reasons=(), obligations=obligations)
    except (ValidationError, LimitExceeded):
        return denied_by(Failure.NOTHING_LEFT)
    missing = _not_approved(obligations.approvals, approvals)
    return Decision(allow=False, reasons=missing, obligations=NOTHING) if missing else allowed


def read_permission(results: Sequence[Mapping[str, JSONValue]], asked: PermitInput) -> Permission:
    """The same for a question that is answered with a permission. Only a disclosure has obligations, and must."""
    permissions = _read_all(results, Permission.model_validate_json)
    if isinstance(permissions, Failure):
        return refused_by(permissions)
    if reasons := _reasons(permissions):
        return Permission(allow=False, reasons=reasons)
    obligations = [permission.obligations for permission in permissions if permission.obligations is not None]
    if len(obligations) != (len(permissions) if isinstance(asked, DiscloseInput) else 0):
        return refused_by(Failure.MALFORMED)
    if not isinstance(asked, DiscloseInput):
        return Permission(allow=True, reasons=())
    try:
        demanded = reduce(_stricter, obligations)
    except ValidationError:
        return refused_by(Failure.NOTHING_LEFT)
    missing = _not_approved(demanded.approvals, asked.approvals)
    return Permission(allow=not missing, reasons=missing, obligations=None if missing else demanded)


def _decision(text: str) -> Decision:
    answer = _Answer.model_validate_json(text)
    return Decision(allow=answer.allow, reasons=answer.reasons, obligations=answer.obligations)


def _read_all(results: Sequence[Mapping[str, JSONValue]], read: Callable[[str], V]) -> list[V] | Failure:
    if not results:
        return Failure.UNDEFINED
    verdicts: list[V] = []
    for result in results:
        if "value" not in result:
            return Failure.UNDEFINED if result.get("failure") == "undefined" else Failure.ERROR
        try:
            verdicts.append(read(json.dumps(result["value"])))
        except ValidationError:
            return Failure.MALFORMED
    return verdicts


def _reasons(verdicts: Sequence[_Verdict]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))[:MAX_REASONS]


def _stricter(a: Disclosable, b: Disclosable) -> Disclosable:
    return Disclosable(
        items=tuple(item for item in a.items if item in b.items),
        approvals=a.approvals + tuple(role for role in b.approvals if role not in a.approvals),
        retention_days=min(a.retention_days, b.retention_days),
    )


def _not_approved(demanded: Sequence[str], approvals: Collection[str]) -> tuple[Reason, ...]:
    return tuple(
        Reason(code="not-approved", message=f"Somebody in the role {role} must approve this first.")
        for role in demanded
        if role not in approvals
    )
