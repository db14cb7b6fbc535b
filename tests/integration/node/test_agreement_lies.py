"""What a broker or a partner may try with an agreement, and what it gains: nothing."""

from collections.abc import Callable

import pytest

from tacita_node.agreements.service import AgreementService
from tacita_node.data.custody import CustodyEvent
from tacita_node.identity import verify_card
from tacita_protocol.api import Problem
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, PeerViolation, ProtocolError, SignatureInvalid
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.statement import add_signature, sign_statement, unverified
from tests.support.agreeing_pair import Pair, covered, draft, states
from tests.support.single_node import NOW

pytestmark = pytest.mark.anyio

DAY = 86_400

Lie = Callable[[Pair, Agreement], str]


def bank_key(pair: Pair) -> SigningKey:
    return pair.bank.services.identity.keys.signing


def unsigned_by_the_bank(pair: Pair, body: Agreement) -> str:
    del pair
    return sign_statement(body, SigningKey.generate()).envelope


def with_card(body: Agreement, partner: str) -> Agreement:
    other = {"card": "1" * 64}
    parties = tuple(party.model_copy(update=other) if party.partner == partner else party for party in body.parties)
    return body.model_copy(update={"parties": parties})


def other_card_of_the_bank(pair: Pair, body: Agreement) -> str:
    return sign_statement(with_card(body, "north-bank"), bank_key(pair)).envelope


def other_card_of_ours(pair: Pair, body: Agreement) -> str:
    return sign_statement(with_card(body, "harbour-ngo"), bank_key(pair)).envelope


def between_others(pair: Pair, body: Agreement) -> str:
    parties = tuple(
        party.model_copy(update={"partner": "zoo-hotel"}) if party.partner == "harbour-ngo" else party
        for party in body.parties
    )
    ordered = tuple(sorted(parties, key=lambda party: party.partner))
    terms = tuple(term.model_copy(update={"owner": "zoo-hotel"}) for term in body.terms)
    return sign_statement(body.model_copy(update={"parties": ordered, "terms": terms}), bank_key(pair)).envelope


def ended(pair: Pair, body: Agreement) -> str:
    past = body.model_copy(update={"not_before": NOW - 10, "not_after": NOW})
    return sign_statement(past, bank_key(pair)).envelope


def with_a_surplus_signature(pair: Pair, body: Agreement) -> str:
    return sign_statement(body, bank_key(pair), SigningKey.generate()).envelope


def of_another_type(pair: Pair, body: Agreement) -> str:
    del body
    return pair.bank.services.identity.card.envelope


def too_long(pair: Pair, body: Agreement) -> str:
    return sign_statement(body, bank_key(pair)).envelope + " " * 70_000


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (unsigned_by_the_bank, SignatureInvalid),
        (other_card_of_the_bank, PeerViolation),
        (other_card_of_ours, PeerViolation),
        (between_others, PeerViolation),
        (ended, PeerViolation),
        (with_a_surplus_signature, SignatureInvalid),
        (of_another_type, MalformedMessage),
        (too_long, LimitExceeded),
    ],
)
async def test_what_arrives_is_checked(pair: Pair, lie: Lie, error: type[ProtocolError]) -> None:
    await pair.confirm()
    body = unverified(Agreement, await pair.propose())
    with pytest.raises(error):
        await pair.ngo.services.agreements.received(lie(pair, body))
    assert await states(pair.ngo) == []


@pytest.mark.parametrize("lie", [unsigned_by_the_bank, other_card_of_the_bank, with_a_surplus_signature])
async def test_what_came_before_confirming_is_checked_when_signing(pair: Pair, lie: Lie) -> None:
    await pair.confirm(both=False)
    body = unverified(Agreement, await pair.propose())
    await pair.ngo.services.agreements.received(lie(pair, body))
    await pair.confirm()
    answer = await pair.ngo.client.post(f"/v1/agreements/{body.agreement}/sign")
    assert answer.status_code == 409
    assert await states(pair.ngo) == [("north-bank", "received")]
    with pytest.raises(PeerViolation):  # what a person read under this id stays what it names
        await pair.ngo.services.agreements.received(pair.broker.agreements[0][1])


async def test_an_id_names_one_content(pair: Pair) -> None:
    both = await pair.sign()
    await pair.bank.services.agreements.received(both)
    body = unverified(Agreement, both)
    wider = body.model_copy(update={"caps": body.caps.model_copy(update={"units": 9_000_000})})
    ngo = pair.ngo.services.identity.keys.signing
    for node in (pair.bank, pair.ngo):
        with pytest.raises(PeerViolation):
            await node.services.agreements.received(add_signature(sign_statement(wider, bank_key(pair)), ngo).envelope)
        with pytest.raises(SignatureInvalid):
            await node.services.agreements.received(sign_statement(wider, bank_key(pair)).envelope)
        assert await covered(node, digest=sign_statement(body, ngo).digest)


async def test_pending_agreements_of_one_partner_are_bounded(pair: Pair) -> None:
    await pair.confirm()
    body = unverified(Agreement, await pair.propose())
    limit = pair.ngo.services.settings.limits.agreements_pending
    for number in range(limit + 1):
        offer = sign_statement(body.model_copy(update={"agreement": f"{number:032x}"}), bank_key(pair)).envelope
        if number < limit:
            await pair.ngo.services.agreements.received(offer)
    with pytest.raises(LimitExceeded):
        await pair.ngo.services.agreements.received(offer)


async def test_what_strangers_pile_up_does_not_shut_out_a_confirmed_partner(pair: Pair) -> None:
    await pair.confirm()
    body = unverified(Agreement, await pair.propose())
    limits = pair.ngo.services.settings.limits.model_copy(update={"agreements_pending_in_all": 3})
    services = pair.ngo.services
    agreements = AgreementService(
        services.database,
        own=services.identity.card,
        key=services.identity.keys.signing,
        custody=services.custody,
        broker=services.broker,
        policy=services.agreements.policy,
        clock=services.clock,
        limits=limits,
    )

    def offer(number: int, asker: str) -> str:
        parties = tuple(
            party if party.partner == "harbour-ngo" else party.model_copy(update={"partner": asker})
            for party in body.parties
        )
        changed = {
            "agreement": f"{number:032x}",
            "parties": tuple(sorted(parties, key=lambda party: party.partner)),
        }
        return sign_statement(body.model_copy(update=changed), bank_key(pair)).envelope

    for number in range(3):
        await agreements.received(offer(number, f"invented-{number}"))
    with pytest.raises(LimitExceeded):
        await agreements.received(offer(3, "invented-3"))
    await agreements.received(offer(4, "north-bank"))


async def test_a_new_card_ends_what_rested_on_the_old_one(pair: Pair) -> None:
    both = await pair.sign()
    await pair.bank.services.agreements.received(both)
    card = pair.ngo.services.identity.card
    renewed = sign_statement(card.body.model_copy(update={"issued": NOW + 1}), pair.ngo.services.identity.keys.signing)
    pair.broker.cards["harbour-ngo"] = renewed.envelope
    assert await covered(pair.bank)
    answer = await pair.bank.client.post(
        "/v1/partners/harbour-ngo/confirm", json={"fingerprint": fingerprint(verify_card(renewed.envelope))}
    )
    assert answer.status_code == 200
    assert not await covered(pair.bank)


async def test_what_did_not_go_out_is_sent_again(pair: Pair) -> None:
    await pair.confirm()
    pair.broker.refuse = Problem(
        type="urn:tacita:problem:busy", title="Conflict", status=409, detail="Not now, and here is a secret."
    )
    answer = await pair.bank.client.post("/v1/agreements", json=draft())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tacita:problem:broker-busy")
    assert "secret" not in answer.text
    pair.broker.refuse = None
    [stored] = (await pair.bank.client.get("/v1/agreements")).json()["agreements"]
    assert (await pair.bank.client.post(f"/v1/agreements/{stored['agreement']}/sign")).status_code == 200
    assert len(pair.broker.agreements) == 1
    answer = await pair.bank.client.post(f"/v1/agreements/{stored['agreement']}/sign")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tacita:problem:waiting")


async def test_every_step_is_in_custody(pair: Pair) -> None:
    await pair.sign()
    kinds = {
        name: [unverified_type(one) for one in await node.services.custody.events()]
        for name, node in (("bank", pair.bank), ("ngo", pair.ngo))
    }
    assert kinds == {
        "bank": ["partner-confirmed", "agreement-proposed"],
        "ngo": ["partner-confirmed", "agreement-received", "agreement-signed"],
    }


def unverified_type(envelope: str) -> str:
    return unverified(CustodyEvent, envelope).type
