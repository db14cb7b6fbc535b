"""Confirming partners, and the life of an agreement between two real nodes and a broker that may lie."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tacita_node.agreements.service import AgreementService
from tacita_node.data.custody import CustodyEvent
from tacita_node.identity import verify_card
from tacita_protocol.api import Problem
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, PeerViolation, ProtocolError, SignatureInvalid
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.partner import fingerprint
from tacita_protocol.statements.statement import add_signature, sign_statement, unverified, verify_statement
from tacita_protocol.statements.vocabulary import Mode, PartnerKind, ResultTo
from tests.support.broker_simulator import BrokerSimulator
from tests.support.single_node import NOW, SingleNode, TestClock, running

pytestmark = pytest.mark.anyio

DAY = 86_400


@dataclass
class Pair:
    bank: SingleNode
    ngo: SingleNode
    broker: BrokerSimulator
    clock: TestClock

    async def confirm(self, *, both: bool = True) -> None:
        for one, other in ((self.bank, self.ngo), (self.ngo, self.bank))[: 2 if both else 1]:
            identity = other.services.identity
            answer = await one.client.post(
                f"/v1/partners/{identity.partner}/confirm", json={"fingerprint": identity.fingerprint}
            )
            assert answer.status_code == 200, answer.text

    async def propose(self) -> str:
        """The bank's proposal; its envelope as the broker has it."""
        answer = await self.bank.client.post("/v1/agreements", json=draft())
        assert answer.status_code == 200, answer.text
        return self.broker.agreements[-1][1]

    async def sign(self) -> str:
        """Proposed by the bank, signed by the NGO; the envelope with both signatures."""
        await self.confirm()
        envelope = await self.propose()
        await self.ngo.services.agreements.received(envelope)
        answer = await self.ngo.client.post(f"/v1/agreements/{unverified(Agreement, envelope).agreement}/sign")
        assert answer.json()["state"] == "signed", answer.text
        return self.broker.agreements[-1][1]


def draft(**changed: object) -> dict[str, object]:
    term = {
        "owner": "harbour-ngo",
        "dataset": "suspects",
        "kind": "phone",
        "purposes": ["payment-screening"],
        "legal_bases": ["gdpr-6-1-f"],
    }
    people = {"approved_by": ["dpo-1"], "their_approvers": ["lead-7"]}
    return {"with": "harbour-ngo", "terms": [term], **people, **changed}


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    clock = TestClock()
    broker = BrokerSimulator(clock)
    async with AsyncExitStack() as stack:
        bank = await stack.enter_async_context(running(tmp_path / "bank", broker, clock=clock))
        ngo = await stack.enter_async_context(
            running(tmp_path / "ngo", broker, clock=clock, partner="harbour-ngo", kind=PartnerKind.NGO)
        )
        yield Pair(bank, ngo, broker, clock)


async def covered(node: SingleNode, **changed: object) -> bool:
    asked: dict[str, object] = {
        "requester": "north-bank",
        "responder": "harbour-ngo",
        "owner": "harbour-ngo",
        "dataset": "suspects",
        "kind": Kind.PHONE,
        "mode": Mode.INTERSECTION,
        "result_to": ResultTo.REQUESTER,
        "purpose": "payment-screening",
        "legal_basis": "gdpr-6-1-f",
        "now": NOW,
    }
    return await node.services.agreements.covering(**(asked | changed)) is not None  # type: ignore[arg-type]  # a table


async def states(node: SingleNode) -> list[tuple[str, str]]:
    listed = (await node.client.get("/v1/agreements")).json()["agreements"]
    return [(one["peer"], one["state"]) for one in listed]


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


# --- what a broker or a partner may try -------------------------------------------------------------------------------


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
