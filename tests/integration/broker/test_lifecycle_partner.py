"""The operator revokes a partner: from then on it is nobody, and whoever dealt with it is told."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tacita_broker.cli import app
from tacita_broker.errors import ConfigurationRefused
from tacita_protocol.api import EnrolRequest, MatchState, MatchView, StatementBody, parse_body
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.revocation import Revocation, RevokedPartner
from tacita_protocol.statements.statement import verify_statement
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.integration.broker.test_match_life import outcome_of_closed
from tests.support.broker_harness import PASSPHRASE, BrokerHarness, broker_at, eventually
from tests.support.broker_lifecycle import listed
from tests.support.broker_match import datasets_of, event_types, federation, match_request, requested
from tests.support.broker_partner import Partner, card_of


async def expelled(harness: BrokerHarness, partner: Partner) -> str:
    services = harness.services
    return await services.revocations.revoke_partner(partner.name, "keys-stolen", services.keys.signing)


def test_a_revoked_partner_is_answered_like_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            stranger = Partner.new("stranger", harness.client, harness.clock, harness.directory.settings())
            await ngo.token()
            await expelled(harness, ngo)
            for target in ("/v1/catalogue", "/v1/partners", "/v1/revocations", "/v1/matches/" + "0" * 32):
                answers = [await partner.get(target) for partner in (ngo, stranger)]
                assert [answer.status_code for answer in answers] == [401, 401]
                assert answers[0].content == answers[1].content
            assert (await ngo.inbox()).status_code == 401  # with a token from before
            assert (await bank.get(f"/v1/partners/{ngo.name}")).status_code == 404
            assert await datasets_of(bank) == []
            request = StatementBody(envelope=match_request(bank, ngo).envelope)
            assert (await bank.post("/v1/matches", request)).status_code == 404

    asyncio.run(run())


def test_every_other_partner_is_told_under_the_brokers_key(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            hotel = await harness.partner("tall-hotel", PartnerKind.HOTEL)
            pending = await harness.partner("late-hotel", PartnerKind.HOTEL, approve=False)
            envelope = await expelled(harness, ngo)
            assert await expelled(harness, ngo) == envelope
            for partner in (bank, hotel):
                assert await event_types(partner) == ["revocation"]
                [told] = (await listed(partner)).revocations
                key = VerifyKey.from_text(harness.services.settings.signing_key)
                said = verify_statement(Revocation, told.envelope, key).body
                assert (said.subject, said.reason) == (RevokedPartner(partner=ngo.name), "keys-stolen")
            await harness.services.enrolment.approve(pending.name, None)
            assert len((await listed(pending)).revocations) == 1

    asyncio.run(run())


def test_a_poll_that_is_held_open_ends_with_the_partner(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            _, ngo = await federation(harness)
            poll = asyncio.create_task(ngo.inbox(wait=20))
            await eventually(lambda: harness.services.places._taken or None)  # held open, by the broker's own count
            await expelled(harness, ngo)
            harness.services.inbox.ring(ngo.name)
            harness.services.bell.stop()
            assert (await poll).status_code == 401

    asyncio.run(run())


def test_neither_its_id_nor_a_key_of_it_comes_in_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            _, ngo = await federation(harness)
            first = (await harness.services.enrolment.invite(PartnerKind.NGO)).code
            used = Partner.new("other-ngo", harness.client, harness.clock, harness.directory.settings())
            body = EnrolRequest(invitation=first, card=card_of(used, PartnerKind.NGO).envelope)
            assert (await used.post("/v1/enrolments", body)).status_code == 201
            await harness.services.enrolment.approve("other-ngo", None)
            for partner in (ngo, used):
                await expelled(harness, partner)
            assert (await used.post("/v1/enrolments", body)).status_code == 403
            code = (await harness.services.enrolment.invite(PartnerKind.NGO)).code
            fresh = Partner.new("new-ngo", harness.client, harness.clock, harness.directory.settings())
            for changed in (
                Partner(ngo.name, fresh.client, fresh.clock, fresh.settings, fresh.key, fresh.sealing, fresh.cosigner),
                Partner("new-ngo", fresh.client, fresh.clock, fresh.settings, ngo.key, fresh.sealing, fresh.cosigner),
                Partner("new-ngo", fresh.client, fresh.clock, fresh.settings, fresh.key, ngo.sealing, ngo.cosigner),
            ):
                again = EnrolRequest(invitation=code, card=card_of(changed, PartnerKind.NGO).envelope)
                assert (await changed.post("/v1/enrolments", again)).status_code == 409
            with pytest.raises(ConfigurationRefused):
                await harness.services.enrolment.approve(ngo.name, None)

    asyncio.run(run())


@pytest.mark.parametrize("revoked", ["requester", "responder"])
def test_a_match_that_runs_ends_soon_without_the_revoked_side(tmp_path: Path, revoked: str) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)) == 204
            gone, stays = (bank, ngo) if revoked == "requester" else (ngo, bank)
            await gone.token(match.id)
            await expelled(harness, gone)
            assert await match.say(gone, "receipt", match.make_abort(Role(revoked))) == 401
            assert (await gone.put_frame(match.id, revoked, 0, b"frame")).status_code == 401
            if stays is ngo:
                assert await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER)) == 204
                view = await _closed(match.id, ngo)
                assert outcome_of_closed(view, match) == Outcome.COMPLETED  # both had said their last word
            else:
                harness.clock.offset = harness.services.settings.abort_grace_seconds
                view = await _closed(match.id, bank)
                assert outcome_of_closed(view, match) == Outcome.INCOMPLETE

    asyncio.run(run())


async def _closed(match: str, partner: Partner) -> MatchView:
    while True:
        view = parse_body(MatchView, (await partner.get(f"/v1/matches/{match}")).content)
        if view.state is MatchState.CLOSED:
            return view
        await asyncio.sleep(0.03)


def test_the_command_revokes_at_a_running_broker(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            file = tmp_path / "passphrase"
            file.write_bytes(PASSPHRASE)
            directory = str(harness.directory.path)

            def command(*arguments: str) -> tuple[int, str]:
                result = CliRunner().invoke(app, [*arguments, "--passphrase-file", str(file)])
                return result.exit_code, result.output

            done = await asyncio.to_thread(command, "revoke", directory, ngo.name, "--reason", "left")
            assert (done[0], "safe-harbour is revoked" in done[1]) == (0, True)
            assert (await ngo.get("/v1/catalogue")).status_code == 401
            assert await event_types(bank) == ["revocation"]
            for partner, reason, code in (("nobody", "left", 1), (bank.name, "They left.", 2), ("../bank", "left", 2)):
                assert (await asyncio.to_thread(command, "revoke", directory, partner, "--reason", reason))[0] == code
            assert (await bank.get("/v1/catalogue")).status_code == 200

    asyncio.run(run())
