"""The shipped policies about what exists, what may be agreed and what may be told: `tables/*.json`, case by case."""

from typing import Any

import pytest

from tacita_policies.decision import Entrypoint
from tacita_policies.example import AGREE_EXAMPLE, DISCLOSE_EXAMPLE, DISCOVER_EXAMPLE
from tacita_policies.questions import PermitInput
from tests.support.shipped_policies import Policies, changed, table

QUESTIONS: dict[str, tuple[Entrypoint, PermitInput]] = {
    "discover": (Entrypoint.BROKER_DISCOVER, DISCOVER_EXAMPLE),
    "agree": (Entrypoint.NODE_AGREE, AGREE_EXAMPLE),
    "disclose": (Entrypoint.NODE_DISCLOSE, DISCLOSE_EXAMPLE),
}
CASES = [(name, case) for name in QUESTIONS for case in table(name)]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case['case']}" for name, case in CASES])
def test_permission(policies: Policies, name: str, case: dict[str, Any]) -> None:
    entrypoint, example = QUESTIONS[name]
    permission = policies.permit(entrypoint, changed(example, case["changes"]))
    said = "allow" if permission.allow else sorted(reason.code for reason in permission.reasons)
    assert said == (case["answer"] if case["answer"] == "allow" else sorted(case["answer"]))


def test_what_an_allowed_disclosure_carries(policies: Policies) -> None:
    changes: dict[str, Any] = {"stage": "contact", "earlier": ["label"], "items": ["contact-name"]}
    changes |= {"verdict": "confirmed", "approvals": ["data-owner"]}
    permission = policies.permit(Entrypoint.NODE_DISCLOSE, changed(DISCLOSE_EXAMPLE, changes))
    assert permission.obligations is not None
    assert permission.obligations.model_dump(mode="json") == {
        "items": ["contact-name"],
        "approvals": ["data-owner"],
        "retention_days": 90,
    }


SENTENCES = {
    "a bank's hit for a hotel": (
        "disclose",
        {"recipient.kind": "hotel", "purpose": "agency-check", "sources": ["bank"]},
        "What was found with the data of these partners may not go to a hotel: banks.",
    ),
    "a dataset that the kind can never ask about": (
        "discover",
        {"asker.kind": "hotel", "owner.kind": "bank", "dataset.discoverable_by": ["hotel"]},
        "In this federation a hotel may never ask a bank about this kind of data.",
    ),
    "an agreement for too long": (
        "agree",
        {"not_after": 1_790_000_000},
        "An agreement of this class holds for at most 366 days.",
    ),
    "an agreement without its document": (
        "agree",
        {"terms.0.legal_bases": [{"code": "uk-dpa-sch1-10", "documents": []}]},
        'The agreement must name, for the legal basis "preventing or detecting unlawful acts (United Kingdom)": '
        "an appropriate policy document.",
    ),
}


@pytest.mark.parametrize(("name", "changes", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_sentences_read_as_such(policies: Policies, name: str, changes: dict[str, Any], sentence: str) -> None:
    entrypoint, example = QUESTIONS[name]
    permission = policies.permit(entrypoint, changed(example, changes))
    assert [reason.message for reason in permission.reasons] == [sentence]
