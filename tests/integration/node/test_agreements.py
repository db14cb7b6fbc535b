"""Confirming partners, and the life of an agreement between two real nodes."""

import pytest

from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.statement import sign_statement, unverified, verify_statement
from tacita_protocol.statements.vocabulary import ResultTo
from tests.support.agreeing_pair import Pair, covered, draft, states
from tests.support.single_node import NOW

pytestmark = pytest.mark.anyio

DAY = 86_400


# --- partners ---------------------------------------------------------------------------------------------------------


async def test_only_the_right_fingerprint_confirms(pair: Pair) -> None:
    right = pair.ngo.services.identity.fingerprint
    for wrong, status in (
        (right[:-1], 422),
        ("", 422),
        (pair.bank.services.identity.fingerprint, 409),
        ("x" * 64, 422),
    ):
        answer = await pair.bank.client.post("/v1/partners/harbour-ngo/confirm", json={"fingerprint": wrong})
        assert answer.status_code == status
    assert await pair.bank.services.agreements.confirmed_card("harbour-ngo") is None
    spelled = right.upper().replace(" ", "-")
    answer = await pair.bank.client.post("/v1/partners/harbour-ngo/confirm", json={"fingerprint": spelled})
    assert (answer.status_code, answer.json()["confirmed"]) == (200, True)
    [listed] = (await pair.bank.client.get("/v1/partners")).json()["partners"]
    assert (listed["partner"], listed["fingerprint"], listed["confirmed"]) == ("harbour-ngo", right, True)


async def test_a_broker_that_swaps_a_card_gains_nothing(pair: Pair) -> None:
    await pair.confirm()
    card = pair.ngo.services.identity.card
    false_key = SigningKey.generate()
    swapped = sign_statement(card.body.model_copy(update={"signing_key": false_key.verify_key.text}), false_key)
    pair.broker.cards["harbour-ngo"] = swapped.envelope
    confirmed = await pair.bank.services.agreements.confirmed_card("harbour-ngo")
    assert confirmed is not None
    assert confirmed.digest == card.digest
    [listed] = (await pair.bank.client.get("/v1/partners")).json()["partners"]
    assert listed["confirmed"] is False
    answer = await pair.bank.client.post(
        "/v1/partners/harbour-ngo/confirm", json={"fingerprint": pair.ngo.services.identity.fingerprint}
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tacita:problem:fingerprint-mismatch")


async def test_a_card_that_does_not_verify_is_nobodys(pair: Pair) -> None:
    card = pair.ngo.services.identity.card
    pair.broker.cards["harbour-ngo"] = sign_statement(card.body, SigningKey.generate()).envelope
    assert (await pair.bank.client.get("/v1/partners")).json()["partners"] == []
    answer = await pair.bank.client.post(
        "/v1/partners/harbour-ngo/confirm", json={"fingerprint": pair.ngo.services.identity.fingerprint}
    )
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:tacita:problem:card-invalid")


# --- the way of an agreement ------------------------------------------------------------------------------------------


async def test_proposed_received_signed(pair: Pair) -> None:
    await pair.confirm()
    envelope = await pair.propose()
    assert await states(pair.bank) == [("harbour-ngo", "proposed")]
    await pair.ngo.services.agreements.received(envelope)
    await pair.ngo.services.agreements.received(envelope)  # the inbox may say it twice
    [shown] = (await pair.ngo.client.get("/v1/agreements")).json()["agreements"]
    assert (shown["state"], shown["peer"], shown["approved_by"], shown["their_approvers"]) == (
        "received",
        "north-bank",
        ["lead-7"],
        ["dpo-1"],
    )
    assert not await covered(pair.ngo)
    await pair.ngo.client.post(f"/v1/agreements/{shown['agreement']}/sign")
    both = pair.broker.agreements[-1][1]
    assert await covered(pair.ngo)
    assert not await covered(pair.bank)
    await pair.bank.services.agreements.received(envelope)  # our own proposal, come back
    assert await states(pair.bank) == [("harbour-ngo", "proposed")]
    await pair.bank.services.agreements.received(both)
    await pair.bank.services.agreements.received(both)
    assert await states(pair.bank) == [("harbour-ngo", "signed")]
    assert await covered(pair.bank)
    keys = [node.services.identity.keys.signing.verify_key for node in (pair.bank, pair.ngo)]
    verify_statement(Agreement, both, *keys)
    assert [sender for sender, _ in pair.broker.agreements] == ["north-bank", "harbour-ngo"]


async def test_who_is_asked_to_sign_sees_the_cap_and_the_validity(pair: Pair) -> None:
    await pair.confirm()
    envelope = await pair.propose()
    await pair.ngo.services.agreements.received(envelope)
    signs = unverified(Agreement, envelope)
    [shown] = (await pair.ngo.client.get("/v1/agreements")).json()["agreements"]
    assert (shown["units"], shown["period_days"]) == (signs.caps.units, signs.caps.period_days)
    assert (shown["not_before"], shown["not_after"]) == (signs.not_before, signs.not_after)


@pytest.mark.parametrize(
    "changed",
    [
        {"now": NOW - 1},
        {"now": NOW + 90 * DAY},
        {"purpose": "agency-check"},
        {"legal_basis": "gdpr-6-1-d"},
        {"dataset": "others"},
        {"kind": Kind.ACCOUNT},
        {"result_to": ResultTo.OWNER},
        {"owner": "north-bank"},
        {"requester": "harbour-ngo", "responder": "north-bank"},
        {"requester": "harbour-ngo"},
        {"requester": "third-hotel"},
        {"digest": "0" * 64},
        {"engine": "vole"},
    ],
)
async def test_covers_nothing_else(pair: Pair, changed: dict[str, object]) -> None:
    await pair.sign()
    assert await covered(pair.ngo)
    assert not await covered(pair.ngo, **changed)


async def test_a_partner_must_be_confirmed_before_proposing_and_signing(pair: Pair) -> None:
    answer = await pair.bank.client.post("/v1/agreements", json=draft())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tacita:problem:partner-unconfirmed")
    await pair.confirm(both=False)
    envelope = await pair.propose()
    await pair.ngo.services.agreements.received(envelope)
    [(_, state)] = await states(pair.ngo)
    agreement = unverified(Agreement, envelope).agreement
    answer = await pair.ngo.client.post(f"/v1/agreements/{agreement}/sign")
    assert (state, answer.status_code) == ("received", 409)
    await pair.confirm()
    assert (await pair.ngo.client.post(f"/v1/agreements/{agreement}/sign")).json()["state"] == "signed"


@pytest.mark.parametrize(
    "changed",
    [
        {"with": "north-bank"},
        {"approved_by": []},
        {"terms": []},
        {"units": 0},
        {"terms": [draft()["terms"][0] | {"owner": "third-hotel"}]},  # type: ignore[index]  # built above
        {"terms": [draft()["terms"][0] | {"kind": "shoe-size"}]},  # type: ignore[index]  # built above
        {"terms": [draft()["terms"][0] | {"result_to": ["everyone"]}]},  # type: ignore[index]  # built above
        {"their_approvers": ["same", "same"]},
    ],
)
async def test_a_draft_that_makes_no_agreement_is_refused(pair: Pair, changed: dict[str, object]) -> None:
    await pair.confirm()
    answer = await pair.bank.client.post("/v1/agreements", json=draft(**changed))
    assert answer.status_code in (409, 422)
    assert pair.broker.agreements == []
    assert await states(pair.bank) == []
