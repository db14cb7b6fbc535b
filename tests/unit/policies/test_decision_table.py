"""The shipped policies about matches: `tables/match.json` has the changes to the example and what both sides must say.

A case about the asker's own set (`tested`) is put to a node only.
"""

from typing import Any

import pytest

from tacita_policies.decision import Entrypoint
from tacita_policies.example import EXAMPLE
from tests.support.shipped_policies import Policies, changed, table

SIDES = {"broker": Entrypoint.BROKER_MATCH, "node": Entrypoint.NODE_RESPOND}
CASES = [(case, side) for case in table("match") for side in SIDES if side in case]


@pytest.mark.parametrize(("case", "side"), CASES, ids=[f"{case['case']}-{side}" for case, side in CASES])
def test_decision(policies: Policies, case: dict[str, Any], side: str) -> None:
    decision = policies.decide(SIDES[side], changed(EXAMPLE, case["changes"]))
    if case[side] == "allow":
        assert decision.allow, decision.reasons
        obligations = decision.obligations.model_dump(mode="json")
        expected = case.get("obligations", {})
        assert {name: obligations[name] for name in expected} == expected
    else:
        assert not decision.allow
        assert sorted(reason.code for reason in decision.reasons) == sorted(case[side])


SENTENCES = {
    "possible victims": (
        {"dataset.sensitivity": "possible-victim"},
        "This dataset names possible victims: only its owner may learn of a match.",
    ),
    "a purpose of somebody else": (
        {"purpose": "agency-check", "agreement": None},
        "In this federation a bank may not ask an NGO for the purpose of checking an agency before hiring through it.",
    ),
    "no credential": (
        {"legal_basis": "us-314b", "agreement": None},
        'The legal basis "voluntary sharing between financial institutions (United States)" needs a credential that '
        "the partner who asks does not have: registration under section 314(b).",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_sentences_read_as_such(policies: Policies, changes: dict[str, Any], sentence: str) -> None:
    decision = policies.decide(Entrypoint.BROKER_MATCH, changed(EXAMPLE, changes))
    assert sentence in [reason.message for reason in decision.reasons]
