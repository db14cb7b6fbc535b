"""A partner replaces its keys: the new card is in force at once, and nothing opens to the old key any more."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tacita_broker.partners.service import KnownPartner
from tacita_broker.problems import ProblemError
from tacita_protocol.api import EnrolRequest, MatchState, PartnerView, RotationBody, StatementBody, parse_body
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.rotation import KeyRotation
from tacita_protocol.statements.statement import Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.integration.broker.test_catalogue_and_agreements import agreement_between, send
from tests.integration.broker.test_lifecycle_revocations import agreed, publish
from tests.integration.broker.test_match_life import outcome_of_closed
from tests.support.broker_harness import BrokerHarness, broker_at
from tests.support.broker_lifecycle import card_in_force, rotated, rotation, with_new_keys, withdrawal
from tests.support.broker_match import dataset_card, datasets_of, federation, match_request, requested
from tests.support.broker_partner import Partner, card_of

NGO = PartnerKind.NGO


def test_the_old_key_is_dead_and_the_new_one_lives(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            token = await ngo.token()
            new = await rotated(harness, ngo, NGO)
            assert (await ngo.get("/v1/catalogue")).status_code == 401
            assert (await new.get("/v1/catalogue")).status_code == 200
            old_token = {"authorization": f"Bearer {token}"}
            assert (await harness.client.get("/v1/inbox", headers=old_token)).status_code == 401
            assert (await new.inbox()).status_code == 200
            shown = parse_body(PartnerView, (await bank.get(f"/v1/partners/{ngo.name}")).content)
            assert shown.card == (await card_in_force(harness, ngo.name)).envelope
            await harness.restart()
            ngo.client = new.client
            assert [(await partner.get("/v1/catalogue")).status_code for partner in (ngo, new)] == [401, 200]

    asyncio.run(run())


def test_what_was_bound_to_the_old_card_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            await agreed(bank, ngo)
            offer = agreement_between(bank, ngo)
            assert await send(bank, offer.envelope) == 201
            new = await rotated(harness, ngo, NGO)
            assert await datasets_of(bank) == await datasets_of(new) == []
            assert await send(bank, offer.envelope) == 409
            request = match_request(bank, ngo, agreement=offer.digest)
            assert (await bank.post("/v1/matches", StatementBody(envelope=request.envelope))).status_code == 404
            assert await publish(new, 2) == 201
            assert [card.epoch for card in await datasets_of(bank)] == [2]
            request = match_request(bank, ngo, epoch=2, agreement=offer.digest)
            assert (await bank.post("/v1/matches", StatementBody(envelope=request.envelope))).status_code == 422
            await agreed(bank, new)

    asyncio.run(run())


def test_a_match_that_had_both_last_words_closes_as_ever(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER)) == 204
            await rotated(harness, ngo, NGO)
            await harness.restart()  # nothing verified is remembered
            assert await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)) == 204
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.COMPLETED

    asyncio.run(run())


@pytest.mark.parametrize("side", list(Role))
def test_a_match_in_the_middle_ends_at_its_deadline(tmp_path: Path, side: Role) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            harness.clock.offset = 10  # later than the request, in whole seconds
            partner, kind = (bank, PartnerKind.BANK) if side is Role.REQUESTER else (ngo, NGO)
            new = await rotated(harness, partner, kind)
            for sender in (new, partner):
                # A statement under either key: the peer of this match knows the first, the broker the second only.
                moved = replace(match, requester=new) if side is Role.REQUESTER else replace(match, responder=new)
                status = await match.say(sender, "receipt", (moved if sender is new else match).make_abort(side))
                assert status == (409 if sender is new else 401)
            harness.clock.offset = 5 * 3600
            moved = replace(match, requester=new) if side is Role.REQUESTER else match
            view = await moved.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.INCOMPLETE

    asyncio.run(run())


def test_a_request_under_the_old_key_is_still_decided_and_closed(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            new = await rotated(harness, bank, PartnerKind.BANK)
            moved = replace(match, requester=new)
            await moved.until(MatchState.GRANTED)
            harness.clock.offset = 3600
            assert outcome_of_closed(await moved.until(MatchState.CLOSED), match) == Outcome.INCOMPLETE

    asyncio.run(run())


Made = Callable[[BrokerHarness, Partner, Partner], Awaitable[RotationBody]]


def said(old: Partner, new_card: Signed[PartnerCard], was: Signed[PartnerCard], *keys: SigningKey) -> RotationBody:
    body = KeyRotation(partner=old.name, replaces=was.digest, card=new_card.digest, issued=old.clock())
    return RotationBody(rotation=sign_statement(body, *keys).envelope, card=new_card.envelope)


async def without_the_old_signature(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = with_new_keys(ngo)
    return said(ngo, card_of(new, NGO), await card_in_force(harness, ngo.name), new.key)


async def without_the_new_signature(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = with_new_keys(ngo)
    return said(ngo, card_of(new, NGO), await card_in_force(harness, ngo.name), ngo.key)


async def with_a_surplus_signature(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new, was = with_new_keys(ngo), await card_in_force(harness, ngo.name)
    return said(ngo, card_of(new, NGO), was, ngo.key, new.key, SigningKey.generate())


async def with_a_card_that_the_new_key_did_not_sign(
    harness: BrokerHarness, ngo: Partner, _bank: Partner
) -> RotationBody:
    new, was = with_new_keys(ngo), await card_in_force(harness, ngo.name)
    card = sign_statement(card_of(new, NGO).body, ngo.key)
    return said(ngo, card, was, ngo.key, new.key)


async def for_another_partner(harness: BrokerHarness, _ngo: Partner, bank: Partner) -> RotationBody:
    new = with_new_keys(bank)
    return rotation(bank, new, PartnerKind.BANK, await card_in_force(harness, bank.name))


async def into_another_partner(harness: BrokerHarness, ngo: Partner, bank: Partner) -> RotationBody:
    new = replace(with_new_keys(ngo), name=bank.name)
    return said(ngo, card_of(new, NGO), await card_in_force(harness, ngo.name), ngo.key, new.key)


async def into_a_look_alike(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = replace(with_new_keys(ngo), name="safe-harb0ur")
    return said(ngo, card_of(new, NGO), await card_in_force(harness, ngo.name), ngo.key, new.key)


async def to_another_kind(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = with_new_keys(ngo)
    return said(ngo, card_of(new, PartnerKind.BANK), await card_in_force(harness, ngo.name), ngo.key, new.key)


async def to_another_name(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new, was = with_new_keys(ngo), await card_in_force(harness, ngo.name)
    card = sign_statement(card_of(new, NGO).body.model_copy(update={"name": "First Bank"}), new.key)
    return said(ngo, card, was, ngo.key, new.key)


async def to_another_witness(harness: BrokerHarness, ngo: Partner, bank: Partner) -> RotationBody:
    new = replace(with_new_keys(ngo), cosigner=bank.cosigner)
    return said(ngo, card_of(new, NGO), await card_in_force(harness, ngo.name), ngo.key, new.key)


async def to_the_keys_of_another(harness: BrokerHarness, ngo: Partner, bank: Partner) -> RotationBody:
    new = replace(ngo, key=bank.key, sealing=bank.sealing, _tokens={})
    return rotation(ngo, new, NGO, await card_in_force(harness, ngo.name))


async def to_the_witness_key_of_another(harness: BrokerHarness, ngo: Partner, bank: Partner) -> RotationBody:
    new = replace(with_new_keys(ngo), key=bank.cosigner._key)  # as if it were known
    return rotation(ngo, new, NGO, await card_in_force(harness, ngo.name))


async def keeping_the_signing_key(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = replace(with_new_keys(ngo), key=ngo.key)
    return said(ngo, card_of(new, NGO), await card_in_force(harness, ngo.name), ngo.key)


async def keeping_the_sealing_key(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = replace(with_new_keys(ngo), sealing=ngo.sealing)
    return rotation(ngo, new, NGO, await card_in_force(harness, ngo.name))


async def of_another_card(_harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new = with_new_keys(ngo)
    card = card_of(new, NGO)
    body = KeyRotation(partner=ngo.name, replaces=digest_of(b"older"), card=card.digest, issued=ngo.clock())
    return RotationBody(rotation=sign_statement(body, ngo.key, new.key).envelope, card=card.envelope)


async def with_an_old_card(harness: BrokerHarness, ngo: Partner, _bank: Partner) -> RotationBody:
    new, was = with_new_keys(ngo), await card_in_force(harness, ngo.name)
    card = sign_statement(card_of(new, NGO).body.model_copy(update={"issued": ngo.clock() - 2 * 86_400}), new.key)
    return said(ngo, card, was, ngo.key, new.key)


NOT_A_ROTATION: dict[Made, int] = {
    without_the_old_signature: 422,
    without_the_new_signature: 422,
    with_a_surplus_signature: 422,
    with_a_card_that_the_new_key_did_not_sign: 422,
    for_another_partner: 422,
    into_another_partner: 422,
    into_a_look_alike: 422,
    to_another_kind: 422,
    to_another_name: 422,
    to_another_witness: 422,
    to_the_keys_of_another: 409,
    to_the_witness_key_of_another: 409,
    keeping_the_signing_key: 422,
    keeping_the_sealing_key: 422,
    of_another_card: 422,
    with_an_old_card: 422,
}


def test_a_rotation_that_is_not_one_changes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            before = harness.row_counts("nonces")
            answers = {
                make: (await ngo.post("/v1/rotations", await make(harness, ngo, bank))).status_code
                for make in NOT_A_ROTATION
            }
            assert answers == NOT_A_ROTATION
            assert harness.row_counts("nonces") == before
            assert (await ngo.get("/v1/catalogue")).status_code == 200
            assert len(await datasets_of(bank)) == 1

    asyncio.run(run())


def test_a_rotation_is_taken_once_and_there_is_no_way_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            _, ngo = await federation(harness)
            new, was = with_new_keys(ngo), await card_in_force(harness, ngo.name)
            body = rotation(ngo, new, NGO, was)
            assert (await ngo.post("/v1/rotations", body)).status_code == 201
            assert (await ngo.post("/v1/rotations", body)).status_code == 401
            assert (await new.post("/v1/rotations", body)).status_code == 422
            back = rotation(new, ngo, NGO, await card_in_force(harness, ngo.name))
            assert (await new.post("/v1/rotations", back)).status_code == 409
            latest = await rotated(harness, new, NGO)
            assert [(await one.get("/v1/catalogue")).status_code for one in (ngo, new, latest)] == [401, 401, 200]

    asyncio.run(run())


def test_nobody_enrols_with_a_key_that_was_replaced(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            _, ngo = await federation(harness)
            await rotated(harness, ngo, NGO)
            thief = replace(Partner.new("thief", ngo.client, ngo.clock, ngo.settings), key=ngo.key)
            invitation = await harness.services.enrolment.invite(NGO)
            body = EnrolRequest(invitation=invitation.code, card=card_of(thief, NGO).envelope)
            assert (await thief.post("/v1/enrolments", body)).status_code == 409

    asyncio.run(run())


def test_rotations_have_a_quota(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, rotations_per_day=1) as harness:
            _, ngo = await federation(harness)
            new = await rotated(harness, ngo, NGO)
            body = rotation(new, with_new_keys(new), NGO, await card_in_force(harness, ngo.name))
            assert (await new.post("/v1/rotations", body)).status_code == 429

    asyncio.run(run())


Taking = Callable[[BrokerHarness, KnownPartner, Partner, Partner], Awaitable[object]]


async def take_card(harness: BrokerHarness, caller: KnownPartner, ngo: Partner, _bank: Partner) -> object:
    return await harness.services.catalogue.publish(caller, "late", 1, dataset_card(ngo, dataset="late").envelope)


async def take_agreement(harness: BrokerHarness, caller: KnownPartner, ngo: Partner, bank: Partner) -> object:
    return await harness.services.agreements.receive(caller, agreement_between(ngo, bank).envelope)


async def take_revocation(harness: BrokerHarness, caller: KnownPartner, ngo: Partner, _bank: Partner) -> object:
    return await harness.services.revocations.receive(caller, withdrawal(ngo).envelope)


async def take_request(harness: BrokerHarness, caller: KnownPartner, ngo: Partner, bank: Partner) -> object:
    return await harness.services.matches.request(caller, match_request(ngo, bank).envelope)


@pytest.mark.parametrize("take", [take_card, take_agreement, take_revocation, take_request])
@pytest.mark.parametrize("end", ["rotated", "revoked"])
def test_what_was_under_way_while_its_card_ended_is_not_taken(tmp_path: Path, take: Taking, end: str) -> None:
    """Otherwise one card under a dead key would make the catalogue unreadable for everybody."""

    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            assert await publish(bank, 1) == 201
            caller = await harness.services.partners.find(ngo.name)  # as when its request's signature was verified
            assert caller is not None
            if end == "rotated":
                await rotated(harness, ngo, NGO)
            else:
                services = harness.services
                await services.revocations.revoke_partner(ngo.name, "keys-stolen", services.keys.signing)
            with pytest.raises(ProblemError) as refused:
                await take(harness, caller, ngo, bank)
            assert (refused.value.status, refused.value.code) == (401, "signature")
            assert [card.partner for card in await datasets_of(bank)] == [bank.name]

    asyncio.run(run())
