"""A node's policy decides what it proposes and what it signs; a refusal says why, and nothing leaves."""

import pytest

from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import sign_statement, unverified
from tacita_protocol.statements.vocabulary import AgreementClass, Mode
from tests.support.agreeing_pair import Pair, draft, states

pytestmark = pytest.mark.anyio

DOCUMENT = "5e" * 32
CSV = {"content-type": "text/csv"}


def term(**changed: object) -> dict[str, object]:
    return draft()["terms"][0] | changed  # type: ignore[index,no-any-return]  # built there


NOT_PERMITTED: dict[str, tuple[dict[str, object], str]] = {
    "a purpose of others": (
        {"terms": [term(purposes=["payment-screening", "agency-check"])]},
        "In this federation a bank may not ask an NGO for the purpose of checking an agency before hiring through it "
        "on these legal bases.",
    ),
    "a cap above the class's": ({"units": 26_001}, "An agreement of this class allows at most 26000 units."),
    "a legal basis without its document": (
        {"terms": [term(legal_bases=["uk-dpa-sch1-10"])]},
        'The agreement must name, for the legal basis "preventing or detecting unlawful acts (United Kingdom)": '
        "an appropriate policy document.",
    ),
    "the same person on both sides": (
        {"their_approvers": ["dpo-1"]},
        "The same person is named as approving for both sides.",
    ),
    "a standing agreement that one person approved": (
        {"class": "standing", "per_minute": 1_000},
        "An agreement of this class needs at least 2 person or persons on each side who approved it.",
    ),
}


@pytest.mark.parametrize(("changed", "sentence"), NOT_PERMITTED.values(), ids=NOT_PERMITTED)
async def test_what_the_policy_refuses_is_not_proposed(pair: Pair, changed: dict[str, object], sentence: str) -> None:
    await pair.confirm()
    answer = await pair.bank.client.post("/v1/agreements", json=draft(**changed))
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (403, "urn:tacita:problem:not-permitted")
    assert problem["detail"] == sentence
    assert pair.broker.agreements == []
    assert await states(pair.bank) == []


async def test_what_the_policy_refuses_is_not_signed(pair: Pair) -> None:
    """The other node may have other policies, or none."""
    await pair.confirm()
    body = unverified(Agreement, await pair.propose())
    counted = body.terms[0].model_copy(update={"modes": (Mode.CARDINALITY,), "engines": ("plain",)})
    offer = body.model_copy(update={"agreement": "a" * 32, "terms": (counted,)})
    await pair.ngo.services.agreements.received(
        sign_statement(offer, pair.bank.services.identity.keys.signing).envelope
    )
    sent = len(pair.broker.agreements)
    answer = await pair.ngo.client.post(f"/v1/agreements/{'a' * 32}/sign")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:tacita:problem:not-permitted")
    assert "One of the matching methods is not allowed" in answer.json()["detail"]
    assert (await states(pair.ngo), len(pair.broker.agreements)) == ([("north-bank", "received")], sent)


async def test_what_a_node_knows_of_its_own_dataset_counts(pair: Pair) -> None:
    await pair.confirm()
    envelope = await pair.propose()
    await pair.ngo.services.agreements.received(envelope)
    body = b"number\n+447911123456\n"
    await pair.ngo.client.post("/v1/datasets/suspects/imports?kind=phone", content=body, headers=CSV)
    order = {"sensitivity": "possible-victim", "jurisdictions": ["GB"], "discoverable_by": ["bank"]}
    assert (await pair.ngo.client.post("/v1/datasets/suspects/publish", json=order)).status_code == 200
    answer = await pair.ngo.client.post(f"/v1/agreements/{unverified(Agreement, envelope).agreement}/sign")
    assert answer.status_code == 403
    assert "possible victims: only its owner may learn" in answer.json()["detail"]


async def test_a_policy_that_cannot_be_asked_permits_nothing(pair: Pair) -> None:
    await pair.confirm()
    await pair.bank.services.decision_point.close()
    answer = await pair.bank.client.post("/v1/agreements", json=draft())
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:tacita:problem:not-permitted")
    assert answer.json()["detail"].startswith("The policy could not be asked")
    assert pair.broker.agreements == []


async def test_a_standing_agreement_with_its_documents(pair: Pair) -> None:
    await pair.confirm()
    people = {"approved_by": ["data-owner-1", "dpo-1"], "their_approvers": ["lead-7", "dpo-8"]}
    bound = term(legal_bases=["gdpr-6-1-f", "uk-dpa-sch1-10"], documents={"uk-dpa-sch1-10": [DOCUMENT]})
    order = draft(**{"class": "standing"}, terms=[bound], units=30_000_000, per_minute=50_000, **people)
    shown = (await pair.bank.client.post("/v1/agreements", json=order)).json()
    assert (shown["class"], shown["per_minute"], shown["terms"][0]["documents"]) == (
        "standing",
        50_000,
        {"uk-dpa-sch1-10": [DOCUMENT]},
    )
    body = unverified(Agreement, pair.broker.agreements[-1][1])
    assert (body.class_, body.caps.per_minute) == (AgreementClass.STANDING, 50_000)
    assert [basis.documents for basis in body.terms[0].legal_bases] == [(), (DOCUMENT,)]
    await pair.ngo.services.agreements.received(pair.broker.agreements[-1][1])
    answer = await pair.ngo.client.post(f"/v1/agreements/{body.agreement}/sign")
    assert answer.json()["state"] == "signed", answer.text
