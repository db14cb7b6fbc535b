"""Withdrawing a dataset: it counts at the node at once, and at the broker as soon as that can be reached."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tacita_broker.catalogue.tables import DatasetRow as BrokerDataset
from tacita_broker.lifecycle.tables import RevocationRow as CarriedOut
from tacita_node.data.service import Publication
from tacita_node.lifecycle.tables import RevocationRow
from tacita_node.problems import ProblemError
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.revocation import Revocation, RevokedDataset
from tacita_protocol.statements.statement import unverified
from tacita_protocol.statements.vocabulary import PartnerKind, Sensitivity
from tests.support.match_federation import IBANS, NGO, MatchFederation, Member, loaded_federation, until
from tests.support.node_lifecycle import Fault, api_of, custody_types, held

pytestmark = pytest.mark.anyio

FOR_BANKS = Publication(Sensitivity.FINANCIAL, (PartnerKind.BANK,), ())


async def withdraw(member: Member, dataset: str = "accounts") -> tuple[int, object]:
    async with api_of(member) as client:
        answer = await client.post(f"/v1/datasets/{dataset}/withdraw")
        body = answer.json()
        return answer.status_code, body["delivered"] if answer.status_code == 200 else body["type"].rpartition(":")[2]


async def in_catalogue(federation: MatchFederation) -> list[int]:
    """The epochs of the NGO's accounts that the bank finds."""
    async with api_of(federation.bank) as client:
        found = (await client.get("/v1/catalogue")).json()["datasets"]
    return [entry["epoch"] for entry in found if entry["dataset"] == "accounts"]


async def carried_out(federation: MatchFederation) -> list[str]:
    """The envelopes of the revocations that the broker carried out."""
    async with federation.broker.database.read() as session:
        return list(await session.scalars(select(CarriedOut.envelope)))


async def own(member: Member) -> list[RevocationRow]:
    async with member.running.database.read() as session:
        return list(await session.scalars(select(RevocationRow)))


async def delivered(member: Member) -> bool:
    return not any(row.waiting for row in await own(member))


async def test_a_withdrawn_dataset_is_neither_found_nor_asked_about_until_it_is_published_again(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo = federation.ngo
        assert await withdraw(ngo) == (200, True)
        assert await in_catalogue(federation) == []
        with pytest.raises(ProblemError, match="no-such-dataset"):
            await federation.order()
        async with api_of(ngo) as client:
            [shown] = (await client.get("/v1/datasets")).json()["datasets"]
            assert (shown["published"], shown["records"]) == (False, 4)  # the data stays
        await ngo.running.datasets.publish("accounts", FOR_BANKS)
        assert await in_catalogue(federation) == [2]
        summary = await federation.bank.ended(await federation.order())
        assert (summary.state, summary.hits) == ("closed", 2)
        assert (await custody_types(ngo)).count("dataset-withdrawn") == 1


async def test_what_the_broker_takes_is_what_the_owner_signed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        assert await withdraw(federation.ngo) == (200, True)
        [envelope] = await carried_out(federation)
        body = federation.ngo.identity.verify_own(Revocation, envelope).body
        assert body.subject == RevokedDataset(partner=NGO, dataset="accounts", epoch=None)
        assert (await own(federation.ngo))[0].envelope == envelope


async def test_a_broker_that_grants_all_the_same_gets_no_answer(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        fault = Fault(federation.ngo, "POST", "/v1/revocations", "down")
        await federation.ngo.running.revocations.withdraw("accounts")
        summary = await federation.bank.ended(await federation.order())
        assert (summary.state, [reason.code for reason in summary.reasons]) == ("refused", ["no-such-dataset"])
        fault.repair()
        await until(lambda: delivered(federation.ngo))
        assert await in_catalogue(federation) == []


@pytest.mark.parametrize("kind", ["lost", "failing"])
async def test_an_answer_that_did_not_arrive_is_asked_for_again(tmp_path: Path, kind: str) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        fault = Fault(federation.ngo, "POST", "/v1/revocations", kind)
        await federation.ngo.running.revocations.withdraw("accounts")
        await fault.seen.wait()
        fault.repair()
        await until(lambda: delivered(federation.ngo))
        assert len(await carried_out(federation)) == 1


async def test_the_owner_is_told_that_the_broker_has_not_heard_of_it(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        fault = Fault(federation.ngo, "POST", "/v1/revocations", "lost")
        assert await withdraw(federation.ngo) == (200, False)
        fault.repair()
        assert await withdraw(federation.ngo) == (200, True)
        assert len(await carried_out(federation)) == 1


async def test_a_node_that_was_killed_in_between_delivers_after_its_start(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        ngo = federation.ngo
        fault = Fault(ngo, "POST", "/v1/revocations", "down")
        await ngo.running.revocations.withdraw("accounts")
        [before] = await own(ngo)
        await ngo.stop()
        assert await in_catalogue(federation) == [1]
        fault.repair()
        await ngo.start()
        await until(lambda: delivered(ngo))
        assert await carried_out(federation) == [before.envelope]
        assert await in_catalogue(federation) == []


async def test_repeating_it_changes_nothing(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        assert [await withdraw(federation.ngo) for _ in range(2)] == [(200, True)] * 2
        assert len(await own(federation.ngo)) == len(await carried_out(federation)) == 1
        assert (await custody_types(federation.ngo)).count("dataset-withdrawn") == 1


async def test_withdrawing_again_within_a_second_is_another_revocation(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        for epoch in (1, 2, 3):
            assert await in_catalogue(federation) == [epoch]
            assert await withdraw(federation.ngo) == (200, True)
            await federation.ngo.running.datasets.publish("accounts", FOR_BANKS)
        times = [unverified(Revocation, envelope).issued for envelope in await carried_out(federation)]
        assert len(set(times)) == 3


async def test_what_there_is_not_cannot_be_withdrawn(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        await federation.ngo.load("drafts", Kind.ACCOUNT, IBANS[:2], publish=False)
        assert await withdraw(federation.ngo, "drafts") == (409, "not-published")
        assert await withdraw(federation.ngo, "nothing") == (404, "no-such-dataset")
        assert await carried_out(federation) == []


async def test_a_card_that_is_on_its_way_does_not_come_after_the_withdrawal(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        ngo = federation.ngo
        arrived, go = asyncio.Event(), asyncio.Event()
        ngo.line.on = held("PUT", "/v1/datasets", arrived, go)
        terms = Publication(Sensitivity.FINANCIAL, (PartnerKind.BANK,), ("FR",))
        publishing = asyncio.create_task(ngo.running.datasets.publish("accounts", terms))
        await arrived.wait()
        await ngo.running.revocations.withdraw("accounts")
        assert await ngo.running.datasets.card("accounts") is None
        assert await carried_out(federation) == []
        go.set()
        with pytest.raises(ProblemError, match="withdrawn"):
            await publishing
        await until(lambda: delivered(ngo))
        assert await in_catalogue(federation) == []


async def test_what_is_withdrawn_before_its_card_is_signed_never_reaches_the_broker(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank = federation.bank.running
        await bank.datasets.latest_epoch("book")
        async with bank.database.write() as session:
            publishing = asyncio.create_task(bank.datasets.publish("book", FOR_BANKS))
            await until(lambda: bool(bank.database._writes._waiters))  # it has read the epoch, and would sign its card
            await bank.datasets.withdraw_in(session, "book")
        with pytest.raises(ProblemError) as refused:
            await publishing
        assert (refused.value.status, refused.value.code) == (409, "withdrawn")
        async with federation.broker.database.read() as stored:
            assert await stored.scalar(select(func.count()).where(BrokerDataset.dataset == "book")) == 0
        await bank.datasets.publish("book", FOR_BANKS)
