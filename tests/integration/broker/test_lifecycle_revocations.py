"""A partner withdraws a dataset, ends an agreement; another's it can neither end nor find out about."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from tacita_broker.agreements.tables import AgreementRow
from tacita_broker.log.service import PROVED
from tacita_policies.decision import Decision, Entrypoint
from tacita_policies.questions import MatchInput
from tacita_protocol.api import MatchState, StatementBody
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.statements.grant import Denial
from tacita_protocol.statements.revocation import (
    RevokedAgreement,
    RevokedDataset,
    RevokedGrant,
    RevokedKey,
    RevokedPartner,
    Subject,
)
from tacita_protocol.statements.statement import add_signature, sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tests.integration.broker.test_catalogue_and_agreements import agreement_between, send
from tests.support.broker_harness import PATIENCE_SECONDS, BrokerHarness, ScriptedPolicy, broker_at
from tests.support.broker_lifecycle import ending, listed, logged, revocation, revoke, withdrawal
from tests.support.broker_match import (
    DATASET,
    dataset_card,
    datasets_of,
    event_types,
    federation,
    match_request,
    requested,
)
from tests.support.broker_partner import Partner


async def publish(partner: Partner, epoch: int) -> int:
    card = dataset_card(partner, epoch=epoch)
    return (await partner.put(f"/v1/datasets/{DATASET}/{epoch}", StatementBody(envelope=card.envelope))).status_code


async def agreed(bank: Partner, ngo: Partner) -> str:
    """An agreement that both have signed and deposited."""
    offer = agreement_between(bank, ngo)
    assert await send(bank, offer.envelope) == 201
    assert await send(ngo, add_signature(offer, ngo.key).envelope) == 201
    return offer.body.agreement


async def ask(bank: Partner, ngo: Partner, **changes: object) -> int:
    request = match_request(bank, ngo, **changes)
    return (await bank.post("/v1/matches", StatementBody(envelope=request.envelope))).status_code


def test_a_withdrawn_dataset_is_gone_until_a_new_epoch_is_published(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            assert await revoke(ngo, withdrawal(ngo)) == 201
            assert await datasets_of(bank) == await datasets_of(ngo) == []
            assert await ask(bank, ngo) == 404
            assert await publish(ngo, 1) == 409  # neither the same card again
            assert await datasets_of(bank) == []
            assert await publish(ngo, 2) == 201
            assert [card.epoch for card in await datasets_of(bank)] == [2]
            assert await ask(bank, ngo, epoch=2) == 201
            assert await ask(bank, ngo, epoch=1) == 404

    asyncio.run(run())


def test_a_withdrawal_is_in_the_log_and_counts_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            _, ngo = await federation(harness)
            first = withdrawal(ngo)
            assert [await revoke(ngo, first), await revoke(ngo, first)] == [201, 200]
            assert await revoke(ngo, withdrawal(ngo)) in (200, 409)  # nothing is left to withdraw
            assert await publish(ngo, 2) == 201
            assert await revoke(ngo, first) == 200  # a replay does not reach what was published since
            assert [card.epoch for card in await datasets_of(ngo)] == [2]
            await harness.restart()
            assert await revoke(ngo, first) == 200
            assert [card.epoch for card in await datasets_of(ngo)] == [2]
            with harness.services.bell.listen(PROVED) as listener:
                while (entry := await logged(harness, first)) is None:
                    assert await listener.heard(PATIENCE_SECONDS)
            assert (entry.type, entry.digest) == ("revocation", first.envelope_digest)

    asyncio.run(run())


def test_one_epoch_may_be_withdrawn_and_an_older_one_does_not_come_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            assert await publish(ngo, 2) == 201
            only = RevokedDataset(partner=ngo.name, dataset=DATASET, epoch=2)
            assert await revoke(ngo, revocation(ngo, only)) == 201
            assert await datasets_of(bank) == []
            assert await ask(bank, ngo, epoch=1) == 404

    asyncio.run(run())


class HeldPolicy(ScriptedPolicy):
    """Decides only once it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def decide(self, entrypoint: Entrypoint, input: MatchInput) -> Decision:  # noqa: A002 - the interface's word
        await self.go.wait()
        return await super().decide(entrypoint, input)


def test_a_request_that_waits_for_its_decision_is_denied_when_the_dataset_goes(tmp_path: Path) -> None:
    async def run() -> None:
        policy = HeldPolicy()
        async with broker_at(tmp_path, policy=policy) as harness:
            bank, ngo = await federation(harness)
            await requested(harness, bank, ngo)  # the one that is being decided
            waiting = await requested(harness, bank, ngo)
            assert await revoke(ngo, withdrawal(ngo)) == 201
            policy.go.set()
            view = await waiting.until(MatchState.DENIED, MatchState.GRANTED, MatchState.CLOSED)
            assert view.decision is not None
            key = VerifyKey.from_text(harness.services.settings.signing_key)
            assert verify_statement(Denial, view.decision.decision, key).body.reasons[0].code == "not-available"

    asyncio.run(run())


def test_an_ended_agreement_covers_nothing_and_the_other_party_hears_of_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            offer = agreement_between(bank, ngo)
            both = add_signature(offer, ngo.key)
            assert [await send(bank, offer.envelope), await send(ngo, both.envelope)] == [201, 201]
            assert await ask(bank, ngo, agreement=offer.digest) == 201
            end = ending(ngo, offer.body.agreement)
            assert [await revoke(ngo, end), await revoke(ngo, end)] == [201, 200]
            assert await ask(bank, ngo, agreement=offer.digest) == 422
            assert await send(ngo, both.envelope) == 409
            assert await event_types(bank) == ["agreement", "revocation"]
            told = await listed(bank)
            assert [view.envelope for view in told.revocations] == [end.envelope]
            assert (await listed(bank, told.next)).revocations == ()
            assert await revoke(bank, ending(bank, offer.body.agreement)) == 409

    asyncio.run(run())


def test_an_offer_may_be_taken_back_before_it_is_signed(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            offer = agreement_between(bank, ngo)
            assert await send(bank, offer.envelope) == 201
            assert await revoke(bank, ending(bank, offer.body.agreement)) == 201
            assert await send(ngo, add_signature(offer, ngo.key).envelope) == 409
            async with harness.services.database.read() as session:
                [row] = await session.scalars(select(AgreementRow))
                assert not row.complete

    asyncio.run(run())


def test_a_third_partner_reads_nothing_of_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            hotel = await harness.partner("tall-hotel", PartnerKind.HOTEL)
            assert await revoke(ngo, withdrawal(ngo)) == 201
            assert await revoke(ngo, ending(ngo, await agreed(bank, ngo))) == 201
            assert (await listed(hotel)).revocations == ()
            assert [len((await listed(partner)).revocations) for partner in (bank, ngo)] == [1, 2]
            assert await event_types(hotel) == []

    asyncio.run(run())


async def _refused(harness: BrokerHarness, sender: Partner, subject: Subject) -> tuple[int, str]:
    before = harness.row_counts("nonces")
    statement = revocation(sender, subject)
    answer = await sender.post("/v1/revocations", StatementBody(envelope=statement.envelope))
    assert harness.row_counts("nonces") == before
    return answer.status_code, answer.text


def test_what_is_not_the_callers_does_not_exist_for_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            hotel = await harness.partner("tall-hotel", PartnerKind.HOTEL)
            agreement = await agreed(bank, ngo)
            answers = {
                await _refused(harness, hotel, subject)
                for subject in (
                    RevokedDataset(partner=ngo.name, dataset=DATASET, epoch=None),
                    RevokedDataset(partner=ngo.name, dataset="no-such-thing", epoch=None),
                    RevokedDataset(partner="nobody", dataset=DATASET, epoch=None),
                    RevokedDataset(partner=hotel.name, dataset=DATASET, epoch=None),
                    RevokedDataset(partner="safe-harb0ur", dataset=DATASET, epoch=None),
                    RevokedAgreement(agreement=agreement),
                    RevokedAgreement(agreement="0" * 32),
                )
            }
            assert {status for status, _ in answers} == {404}
            assert len(answers) == 1
            assert [card.dataset for card in await datasets_of(bank)] == [DATASET]

    asyncio.run(run())


@pytest.mark.parametrize(
    "subject",
    [
        RevokedPartner(partner="safe-harbour"),
        RevokedPartner(partner="first-bank"),
        RevokedKey(partner="first-bank", card=digest_of(b"card")),
        RevokedGrant(match="0" * 32, grant=digest_of(b"grant")),
    ],
    ids=lambda subject: subject.type,
)
def test_a_partner_revokes_neither_partners_nor_keys_nor_grants_here(tmp_path: Path, subject: Subject) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, _ = await federation(harness)
            assert (await _refused(harness, bank, subject))[0] == 422

    asyncio.run(run())


def test_a_revocation_counts_under_its_senders_key_and_name_only(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            body = withdrawal(ngo).body
            for statement in (
                sign_statement(body, SigningKey.generate()),
                sign_statement(body, ngo.key, bank.key),
                sign_statement(body, bank.key),
                withdrawal(bank, owner=ngo.name),
                revocation(ngo, body.subject, issuer=bank.name),
                revocation(ngo, body.subject, issued=ngo.clock() + 600),
            ):
                assert await revoke(ngo, statement) == 422
            # The owner's own, sent by another.
            assert await revoke(bank, withdrawal(ngo)) == 422
            assert [card.dataset for card in await datasets_of(bank)] == [DATASET]

    asyncio.run(run())
