"""Laws of the shipped policies: a denial always says why, every reason occurs, and some things are never allowed."""

import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacita_policies.bundle import Bundle
from tacita_policies.decision import Entrypoint, Failure
from tacita_policies.example import AGREE_EXAMPLE, DISCLOSE_EXAMPLE, DISCOVER_EXAMPLE, EXAMPLE
from tacita_policies.questions import DisclosureStage
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.vocabulary import AgreementClass, Handling, Mode, PartnerKind, ResultTo, Sensitivity
from tests.support.shipped_policies import Policies, changed, table

DATA: Any = Bundle.load().data["tacita"]
NEVER_SAID = {"not-permitted"} | set(Failure)
LAWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

kinds = st.sampled_from([kind.value for kind in PartnerKind])
identifiers = st.sampled_from([kind.value for kind in Kind])
sensitivities = st.sampled_from([one.value for one in Sensitivity])
purposes = st.sampled_from([*DATA["purposes"], "curiosity"])
bases = st.sampled_from([*DATA["legal_bases"], "gut-feeling"])
modes = st.sampled_from([mode.value for mode in Mode])
sides = st.sampled_from([side.value for side in ResultTo])
engines = st.lists(st.sampled_from(["ecdh", "vole", "oprf", "plain"]), min_size=1, unique=True)
places = st.sampled_from([["GB"], ["DE"], ["US"], ["DE", "US"]])
classes = st.sampled_from([one.value for one in AgreementClass])
times = st.sampled_from([1_300_000_000, 1_750_000_000, 1_820_000_000])

matches = st.fixed_dictionaries(
    {
        "requester.kind": kinds,
        "responder.kind": kinds,
        "requester.jurisdictions": places,
        "dataset.kind": identifiers,
        "dataset.sensitivity": sensitivities,
        "dataset.jurisdictions": places,
        "purpose": purposes,
        "legal_basis": bases,
        "mode": modes,
        "result_to": sides,
        "engines": engines,
        "padded_count": st.sampled_from([64, 91, 4096, 2**26]),
        "history.cardinality_epoch": st.integers(0, 6),
        "agreement.class": classes,
        "time": times,
    }
)
"""Changes to the example of a match."""


def own_set(sensitivity: str) -> dict[str, Any]:
    return {
        "owner": "example-bank",
        "name": "book",
        "kind": "account",
        "sensitivity": sensitivity,
        "jurisdictions": ["GB"],
    }


@LAWS
@given(matches, st.none() | sensitivities)
def test_a_match_is_allowed_or_denied_for_a_reason(
    policies: Policies, changes: dict[str, Any], tested: str | None
) -> None:
    facts = changed(EXAMPLE, changes | {"tested": None if tested is None else own_set(tested)})
    for entrypoint in (Entrypoint.BROKER_MATCH, Entrypoint.NODE_RESPOND):
        decision = policies.decide(entrypoint, facts)
        assert {reason.code for reason in decision.reasons} & NEVER_SAID == set()


allowed_rows = st.sampled_from(DATA["matrix"]).flatmap(
    lambda row: st.fixed_dictionaries(
        {
            "requester.kind": st.sampled_from(row["requester_kinds"]),
            "responder.kind": st.sampled_from(row["responder_kinds"]),
            "dataset.kind": st.sampled_from(row["kinds"]),
            "dataset.sensitivity": sensitivities,
            "purpose": st.sampled_from(row["purposes"]),
            "legal_basis": st.sampled_from(row["legal_bases"]),
            "mode": modes,
            "result_to": sides,
            "engines": engines,
        }
    )
)
"""Matches that a row of the matrix is about, in every form."""


@LAWS
@given(allowed_rows, st.none() | sensitivities)
def test_what_no_row_can_allow(policies: Policies, changes: dict[str, Any], tested: str | None) -> None:
    own = None if tested is None else own_set(tested) | {"kind": changes["dataset.kind"]}
    facts = changed(EXAMPLE, changes | {"agreement": None, "tested": own})
    decision = policies.decide(Entrypoint.BROKER_MATCH, facts)
    if not decision.allow:
        return
    if facts.dataset.sensitivity is Sensitivity.POSSIBLE_VICTIM:
        assert facts.result_to is ResultTo.OWNER
        assert decision.obligations.engines == ("vole",)
    if facts.tested is not None:
        assert facts.tested.sensitivity is not Sensitivity.POSSIBLE_VICTIM
        assert facts.result_to is not ResultTo.REQUESTER
    if facts.mode is Mode.CARDINALITY:
        assert (facts.dataset.sensitivity, facts.result_to) == (Sensitivity.ORDINARY, ResultTo.REQUESTER)
        assert decision.obligations.round_to == 10
        assert policies.decide(Entrypoint.BROKER_MATCH, facts.model_copy(update={"mode": Mode.INTERSECTION})).allow


@LAWS
@given(
    st.fixed_dictionaries(
        {
            "asker.kind": kinds,
            "owner.kind": kinds,
            "dataset.kind": identifiers,
            "dataset.sensitivity": sensitivities,
            "dataset.discoverable_by": st.lists(kinds, unique=True),
        }
    )
)
def test_a_dataset_is_shown_or_hidden_for_a_reason(policies: Policies, changes: dict[str, Any]) -> None:
    permission = policies.permit(Entrypoint.BROKER_DISCOVER, changed(DISCOVER_EXAMPLE, changes))
    assert {reason.code for reason in permission.reasons} & NEVER_SAID == set()


@LAWS
@given(
    st.fixed_dictionaries(
        {
            "own.party.kind": kinds,
            "peer.party.kind": kinds,
            "own.party.jurisdictions": places,
            "class": classes,
            "caps.units": st.sampled_from([64, 26_000, 10**6, 2**26]),
            "caps.per_minute": st.sampled_from([None, 1_000, 2**26]),
            "terms.0.owner": st.sampled_from(["example-bank", "example-ngo", "another-ngo"]),
            "terms.0.kind": identifiers,
            "terms.0.sensitivity": st.none() | sensitivities,
            "terms.0.jurisdictions": st.none() | places,
            "terms.0.modes": st.lists(modes, min_size=1, unique=True),
            "terms.0.result_to": st.lists(sides, min_size=1, unique=True),
            "terms.0.engines": engines,
            "terms.0.purposes": st.lists(purposes, min_size=1, max_size=3, unique=True),
            "terms.0.legal_bases": st.lists(
                bases.map(lambda code: {"code": code, "documents": []}), min_size=1, max_size=3
            ),
            "time": times,
        }
    )
)
def test_an_agreement_is_permitted_or_refused_for_a_reason(policies: Policies, changes: dict[str, Any]) -> None:
    permission = policies.permit(Entrypoint.NODE_AGREE, changed(AGREE_EXAMPLE, changes))
    assert {reason.code for reason in permission.reasons} & NEVER_SAID == set()


ITEMS = sorted({item for stage in DATA["disclosure_items"]["stages"].values() for item in stage})


@LAWS
@given(
    st.fixed_dictionaries(
        {
            "discloser.kind": kinds,
            "recipient.kind": kinds,
            "recipient.jurisdictions": places,
            "stage": st.sampled_from([stage.value for stage in DisclosureStage]),
            "earlier": st.sampled_from([[], ["label"], ["label", "contact"]]),
            "sensitivity": sensitivities,
            "sources": st.lists(kinds, min_size=1, max_size=3, unique=True),
            "verdict": st.sampled_from([None, "confirmed", "false", "duplicate"]),
            "purpose": purposes,
            "legal_basis": bases,
            "handling": st.sampled_from([one.value for one in Handling]),
            "items": st.lists(st.sampled_from([*ITEMS, "sar-filed", "blackmail"]), min_size=1, max_size=3),
            "time": times,
        }
    )
)
def test_a_disclosure_is_permitted_or_refused_for_a_reason(policies: Policies, changes: dict[str, Any]) -> None:
    roles = ["data-owner", "data-protection", "second-person"]
    facts = changed(DISCLOSE_EXAMPLE, changes | {"approvals": roles})
    permission = policies.permit(Entrypoint.NODE_DISCLOSE, facts)
    assert {reason.code for reason in permission.reasons} & NEVER_SAID == set()
    if permission.allow:
        assert "sar-filed" not in facts.items
        from_banks = {PartnerKind.BANK, PartnerKind.PAYMENT_PROVIDER} & set(facts.sources)
        assert not (from_banks and facts.recipient.kind is PartnerKind.HOTEL)


def test_every_reason_occurs_in_a_table() -> None:
    """Beside those that only other data can give: `test_data_files.py` has them."""
    rego = Path(__file__).parents[3] / "policies/src/tacita_policies/rego"
    text = "\n".join(path.read_text() for path in rego.rglob("*.rego"))
    codes = set(re.findall(r'"code": "([a-z-]+)"', text)) | set(re.findall(r'\breason\("([a-z-]+)"', text))
    said: set[str] = set()
    for case in table("match"):
        for side in ("broker", "node"):
            said |= set() if case.get(side, "allow") == "allow" else set(case[side])
    for name in ("discover", "agree", "disclose"):
        for case in table(name):
            said |= set() if case["answer"] == "allow" else set(case["answer"])
    assert codes - said == {"not-permitted", "sensitivity-result-to"}
    assert said - codes == {"not-approved"}  # said by `answer.py`
