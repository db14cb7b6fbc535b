"""Publishing datasets, and carrying agreements between two partners."""

import asyncio
from pathlib import Path

from tacita_protocol.api import AgreementBody, StatementBody, parse_body
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.randomness import random_hex
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.agreement import Agreement, Caps, LegalBasis, Party, Term
from tacita_protocol.statements.statement import Signed, add_signature, sign_statement
from tacita_protocol.statements.vocabulary import AgreementClass, Mode, PartnerKind, ResultTo
from tests.support.broker_harness import broker_at, eventually
from tests.support.broker_match import dataset_card, datasets_of, event_types, federation, match_request, requested
from tests.support.broker_partner import Partner


def agreement_between(proposer: Partner, other: Partner, **changes: object) -> Signed[Agreement]:
    """An agreement about the NGO's accounts, signed by its proposer."""
    names = sorted((proposer.name, other.name))
    term = Term(
        owner="safe-harbour",
        dataset="accounts",
        kind=Kind.ACCOUNT,
        modes=(Mode.INTERSECTION,),
        engines=("ecdh",),
        result_to=(ResultTo.REQUESTER,),
        purposes=("payment-screening",),
        legal_bases=(LegalBasis(code="gdpr-6-1-f", documents=()),),
    )
    first, second = (Party(partner=name, card=digest_of(name.encode()), approved_by=()) for name in names)
    values: dict[str, object] = {
        "agreement": random_hex(16),
        "class_": AgreementClass.SINGLE,
        "parties": (first, second),
        "terms": (term,),
        "caps": Caps(units=26_000, period_days=30, per_minute=None),
        "not_before": proposer.clock() - 60,
        "not_after": proposer.clock() + 3600,
    }
    return sign_statement(Agreement.model_validate({**values, **changes}), proposer.key)


async def send(partner: Partner, envelope: str) -> int:
    """Send an agreement; the answer's status."""
    return (await partner.post("/v1/agreements", AgreementBody(envelope=envelope))).status_code


def test_each_sees_what_it_may_discover(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            for name, kinds in (("for-hotels", (PartnerKind.HOTEL,)), ("for-nobody", ())):
                card = dataset_card(ngo, dataset=name, seen_by=kinds)
                answer = await ngo.put(f"/v1/datasets/{name}/1", StatementBody(envelope=card.envelope))
                assert answer.status_code == 201
            assert [card.dataset for card in await datasets_of(bank)] == ["accounts"]
            assert [card.dataset for card in await datasets_of(ngo)] == ["accounts", "for-hotels", "for-nobody"]

    asyncio.run(run())


def test_what_the_policy_hides_does_not_exist(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            harness.policy.hidden.add("accounts")
            assert await datasets_of(bank) == []
            assert [card.dataset for card in await datasets_of(ngo)] == ["accounts"]
            hidden, absent = (match_request(bank, ngo, dataset=name) for name in ("accounts", "no-such-dataset"))
            answers = [
                await bank.post("/v1/matches", StatementBody(envelope=asked.envelope)) for asked in (hidden, absent)
            ]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert answers[0].content == answers[1].content

    asyncio.run(run())


def test_epochs_only_go_forward(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            third = dataset_card(ngo, epoch=3)
            statuses = [
                (await partner.put(target, StatementBody(envelope=card.envelope))).status_code
                for partner, target, card in (
                    (ngo, "/v1/datasets/accounts/3", third),
                    (ngo, "/v1/datasets/accounts/3", third),
                    (ngo, "/v1/datasets/accounts/3", dataset_card(ngo, epoch=3, seen_by=())),
                    (ngo, "/v1/datasets/accounts/2", dataset_card(ngo, epoch=2)),
                    (ngo, "/v1/datasets/accounts/4", dataset_card(ngo, epoch=5)),
                    (ngo, "/v1/datasets/others/4", dataset_card(ngo, epoch=4)),
                    (bank, "/v1/datasets/accounts/4", dataset_card(ngo, epoch=4)),
                )
            ]
            assert statuses == [201, 200, 409, 409, 422, 422, 422]
            assert [card.epoch for card in await datasets_of(bank)] == [3]

    asyncio.run(run())


def test_quotas_of_datasets(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, datasets_per_partner=1, dataset_cards_per_day=2) as harness:
            _, ngo = await federation(harness)
            for name, epoch, status in (("more", 1, 429), ("accounts", 2, 201), ("accounts", 3, 429)):
                card = dataset_card(ngo, dataset=name, epoch=epoch)
                answer = await ngo.put(f"/v1/datasets/{name}/{epoch}", StatementBody(envelope=card.envelope))
                assert answer.status_code == status

    asyncio.run(run())


def test_an_agreement_goes_there_and_back_and_into_the_log(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            stranger = await harness.partner("second-bank", PartnerKind.BANK)
            proposed = agreement_between(bank, ngo)
            target = f"/v1/agreements/{proposed.body.agreement}"
            assert [await send(bank, proposed.envelope) for _ in range(2)] == [201, 200]
            assert await event_types(ngo) == ["agreement"]
            received = parse_body(AgreementBody, (await ngo.get(target)).content)
            assert received.envelope == proposed.envelope
            both = add_signature(proposed, ngo.key)
            assert [await send(ngo, both.envelope) for _ in range(2)] == [201, 200]
            assert await event_types(bank) == ["agreement"]
            assert parse_body(AgreementBody, (await bank.get(target)).content).envelope == both.envelope
            assert await send(bank, proposed.envelope) == 200
            absent = await stranger.get(f"/v1/agreements/{'0' * 32}")
            foreign = await stranger.get(target)
            assert (absent.status_code, foreign.content) == (404, absent.content)
            # A request that cites it: the policy is shown its terms.
            await requested(harness, bank, ngo, agreement=both.digest)
            [asked] = await eventually(lambda: harness.policy.asked or None)
            facts = asked.agreement
            assert facts is not None
            assert facts.caps.units == 26_000

    asyncio.run(run())


def test_agreements_of_others_and_half_signed_ones_are_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            stranger = await harness.partner("second-bank", PartnerKind.BANK)
            proposed = agreement_between(bank, ngo)
            before = harness.row_counts("nonces")
            assert await send(stranger, proposed.envelope) == 404
            assert await send(ngo, proposed.envelope) == 422
            assert await send(bank, add_signature(proposed, stranger.key).envelope) == 422
            nobody = Partner.new("nobody", harness.client, harness.clock, harness.directory.settings())
            parties = tuple(
                Party(partner=name, card=digest_of(b""), approved_by=()) for name in ("first-bank", "nobody")
            )
            term = proposed.body.terms[0].model_copy(update={"owner": "nobody"})
            assert await send(bank, agreement_between(bank, nobody, parties=parties, terms=(term,)).envelope) == 404
            assert harness.row_counts("nonces") == before
            assert await send(bank, proposed.envelope) == 201
            again = agreement_between(bank, ngo, agreement=proposed.body.agreement, not_before=1)
            assert await send(bank, again.envelope) == 409
            assert await send(ngo, sign_statement(proposed.body, ngo.key).envelope) == 409

    asyncio.run(run())
