"""From the results of all rules to one decision: a demanded approval that is not there denies."""

from typing import Any

import pytest

from tacita_policies.answer import read_answer
from tacita_policies.decision import NOTHING


def allowing(*approvals: str) -> dict[str, Any]:
    obligations = {
        "modes": ["intersection"],
        "engines": ["ecdh"],
        "result_to": ["requester"],
        "max_elements": 64,
        "suppress_below": 0,
        "round_to": 1,
        "labels": [],
        "approvals": list(approvals),
        "retention_days": 1,
        "expires_in": 60,
    }
    return {"value": {"allow": True, "reasons": [], "obligations": obligations}}


@pytest.mark.parametrize(
    ("shipped", "own", "present", "missing"),
    [
        ((), (), (), []),
        (("officer",), (), (), ["officer"]),
        ((), ("officer",), ("second-person",), ["officer"]),
        (("officer",), ("second-person",), ("officer",), ["second-person"]),
        (("officer",), ("second-person",), (), ["officer", "second-person"]),
        (("officer",), ("second-person",), ("second-person", "officer"), []),
    ],
)
def test_every_approval_that_any_rule_demands_is_needed(
    shipped: tuple[str, ...], own: tuple[str, ...], present: tuple[str, ...], missing: list[str]
) -> None:
    decision = read_answer([allowing(*shipped), allowing(*own)], approvals=present)
    assert decision.allow is not bool(missing)
    assert [reason.code for reason in decision.reasons] == ["not-approved"] * len(missing)
    assert [role for role in missing if not any(role in reason.message for reason in decision.reasons)] == []
    assert (decision.obligations == NOTHING) is bool(missing)


def test_more_approvals_than_a_statement_can_carry_permit_nothing() -> None:
    roles = [f"role-{number}" for number in range(10)]
    decision = read_answer([allowing(*roles[:5]), allowing(*roles[5:])], approvals=roles)
    assert [reason.code for reason in decision.reasons] == ["policy-permits-nothing"]
