"""Coming in: invitations, proof of possession, approval, and the card in the log."""

import asyncio
from pathlib import Path

import pytest

from tacita_broker.errors import ConfigurationRefused
from tacita_protocol.api import EnrolRequest, PartnerList, PartnerView, parse_body
from tacita_protocol.crypto.encoding import from_b64u
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.statement import sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.entry import open_card_entry
from tacita_protocol.tlog.proof import LogProof
from tests.support.broker_harness import WITNESSES, BrokerHarness, broker_at
from tests.support.broker_partner import Partner, card_of


def newcomer(harness: BrokerHarness, name: str = "first-bank") -> Partner:
    """A partner that has not enrolled."""
    return Partner.new(name, harness.client, harness.clock, harness.directory.settings())


async def present(partner: Partner, code: str, kind: PartnerKind = PartnerKind.BANK) -> int:
    """Enrol with a code; the answer's status."""
    answer = await partner.post("/v1/enrolments", EnrolRequest(invitation=code, card=card_of(partner, kind).envelope))
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


def test_an_invitation_is_for_one_use(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            code = (await harness.services.enrolment.invite(PartnerKind.BANK)).code
            assert await present(newcomer(harness), code) == 201
            assert await present(newcomer(harness, "second-bank"), code) == 403

    asyncio.run(run())


def test_an_enrolment_whose_answer_was_lost_may_be_repeated(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            code = (await harness.services.enrolment.invite(PartnerKind.BANK)).code
            bank = newcomer(harness)
            body = EnrolRequest(invitation=code, card=card_of(bank, PartnerKind.BANK).envelope)
            data = body.model_dump_json().encode()
            headers = bank.sign("POST", "/v1/enrolments", data)
            assert (await bank.send("POST", "/v1/enrolments", data, headers=headers)).status_code == 201
            assert (await bank.post("/v1/enrolments", body)).status_code == 201
            # The very same request is a replay.
            assert (await bank.send("POST", "/v1/enrolments", data, headers=headers)).status_code == 401
            assert harness.row_counts()["partners"] == 1

    asyncio.run(run())


def test_wrong_invitations_get_one_answer_and_change_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            enrolment = harness.services.enrolment
            late = (await enrolment.invite(PartnerKind.BANK)).code
            harness.clock.offset += harness.services.settings.invitation_seconds
            ngo = (await enrolment.invite(PartnerKind.NGO)).code
            good = (await enrolment.invite(PartnerKind.BANK)).code
            other_broker = f"{good.partition('.')[0]}.{SigningKey.generate().verify_key.text}"
            before = harness.row_counts()
            answers = set()
            for code in (late, ngo, other_broker, "A" * 32, "unknown"):
                bank = newcomer(harness)
                card = card_of(bank, PartnerKind.BANK)
                answer = await bank.post("/v1/enrolments", EnrolRequest(invitation=code, card=card.envelope))
                answers.add((answer.status_code, answer.content))
            assert len(answers) == 1
            assert answers.pop()[0] == 403
            assert harness.row_counts() == before

    asyncio.run(run())


def test_the_cards_key_must_have_signed_card_and_request(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            code = (await harness.services.enrolment.invite(PartnerKind.BANK)).code
            bank, thief = newcomer(harness), newcomer(harness)
            card = card_of(bank, PartnerKind.BANK)
            # Somebody else presents the card.
            answer = await thief.post("/v1/enrolments", EnrolRequest(invitation=code, card=card.envelope))
            assert answer.status_code == 401
            # The card is signed by another key than the one it names.
            forged = sign_statement(card.body, thief.key)
            answer = await thief.post("/v1/enrolments", EnrolRequest(invitation=code, card=forged.envelope))
            assert answer.status_code == 422
            # The request names another partner.
            bank.name = "second-bank"
            answer = await bank.post("/v1/enrolments", EnrolRequest(invitation=code, card=card.envelope))
            assert answer.status_code == 401
            assert harness.row_counts()["partners"] == 0

    asyncio.run(run())


def test_ids_and_keys_belong_to_one_partner(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            first = await harness.partner("first-bank", PartnerKind.BANK)
            code = (await harness.services.enrolment.invite(PartnerKind.BANK)).code
            assert await present(newcomer(harness), code) == 409
            same_key = newcomer(harness, "second-bank")
            same_key.key = first.key
            assert await present(same_key, code) == 409
            same_witness = newcomer(harness, "second-bank")
            same_witness.cosigner = first.cosigner
            assert await present(same_witness, code) == 409
            brokers_name = newcomer(harness, "test-broker")
            assert await present(brokers_name, code) == 422
            # The invitation is still good.
            assert await present(newcomer(harness, "second-bank"), code) == 201

    asyncio.run(run())


def test_approval_needs_the_right_fingerprint(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank = await harness.partner("first-bank", PartnerKind.BANK, approve=False)
            enrolment = harness.services.enrolment
            with pytest.raises(ConfigurationRefused, match="fingerprint"):
                await enrolment.approve(bank.name, "0000 " * 16)
            with pytest.raises(ConfigurationRefused, match="no partner"):
                await enrolment.approve("nobody", None)
            assert (await bank.get("/v1/catalogue")).status_code == 403
            (listed,) = await enrolment.listed()
            await enrolment.approve(bank.name, listed.fingerprint.replace(" ", "-").upper())
            await enrolment.approve(bank.name, None)
            assert (await bank.get("/v1/catalogue")).status_code == 200

    asyncio.run(run())


def test_a_partner_that_took_a_witnesss_name_is_not_approved_and_stops_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            first, second = WITNESSES
            await harness.partner(first, PartnerKind.BANK, approve=False)
            await harness.issue_trust()
            await harness.partner(second, PartnerKind.BANK, approve=False)
            for name in WITNESSES:
                with pytest.raises(ConfigurationRefused, match="a witness line has a partner's id or key"):
                    await harness.services.enrolment.approve(name, None)
            await harness.partner("first-bank", PartnerKind.BANK)

    asyncio.run(run())


def test_an_approved_card_is_proved_in_the_log(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank = await harness.partner("first-bank", PartnerKind.BANK)
            hidden = await harness.partner("second-bank", PartnerKind.BANK, approve=False)
            trust = await harness.issue_trust()
            view = parse_body(PartnerView, (await bank.get(f"/v1/partners/{bank.name}")).content)
            for _ in range(1200):
                if view.entry is not None:
                    break
                await asyncio.sleep(0.05)
                view = parse_body(PartnerView, (await bank.get(f"/v1/partners/{bank.name}")).content)
            assert view.entry is not None
            entry = from_b64u(view.entry.entry)
            LogProof.parse(view.entry.proof).verify(entry, trust)
            assert open_card_entry(entry).type == "partner-card"
            listed = parse_body(PartnerList, (await bank.get("/v1/partners")).content)
            assert [item.partner for item in listed.partners] == [bank.name]
            assert (await bank.get(f"/v1/partners/{hidden.name}")).status_code == 404

    asyncio.run(run())
