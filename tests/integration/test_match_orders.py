"""What a node refuses to order or to answer, its local API of matches, and an inbox with nonsense in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from pydantic import TypeAdapter

from tacita_node.access.roles import Role
from tacita_node.app import create_app
from tacita_node.matching.jobs import MAX_RUNNING
from tacita_node.matching.orders import case_reference
from tacita_node.problems import ProblemError
from tacita_protocol.api import Inbox, InboxEvent, InboxEventType
from tacita_protocol.identifiers.kind import Kind
from tacita_sdk.audit_export import AuditExport, AuditRecordDetail, AuditRecords
from tacita_sdk.node_api import Hits, HitView, MatchList, MatchSummary
from tests.support.match_federation import IBANS, NGO, Member, Send, loaded_federation, until
from tests.support.match_steps import hold_engine_frames

pytestmark = pytest.mark.anyio

CASE = "call from +447911123456"

STRIDE = 4


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_an_order_that_cannot_be_meant_is_refused_before_anything_is_signed(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank, ngo = federation.bank, federation.ngo
        await bank.load("numbers", Kind.PHONE, ("+447400123456",), publish=False)
        with pytest.raises(ProblemError) as caught:
            await federation.order()
        assert caught.value.code == "partner-not-confirmed"
        await bank.running.agreements.partners.confirm(NGO, ngo.identity.fingerprint)
        refusals = {
            "no-such-dataset": [{"dataset": "nothing"}, {"with_": f"{NGO}/nothing"}],
            "own-dataset": [{"with_": f"{bank.identity.partner}/book"}],
            "partner-not-confirmed": [{"with_": "somebody-else/accounts"}],
            "not-supported": [
                {"mode": "guess"},
                {"result_to": "nobody"},
                {"mode": "cardinality", "result_to": "owner"},
                {"mode": "cardinality", "result_to": "both"},
            ],
            "sensitivity-needed": [{"result_to": "owner"}, {"result_to": "both"}],
            "no-such-sensitivity": [{"result_to": "owner", "sensitivity": "secret"}],
            "own-policy": [{"result_to": "owner", "sensitivity": "financial"}],  # there is no agreement
            "kind-differs": [{"dataset": "numbers"}],
        }
        for code, orders in refusals.items():
            for order in orders:
                with pytest.raises(ProblemError) as caught:
                    await federation.order(**order)
                assert caught.value.code == code
        assert await bank.matches.matches() == []


async def test_a_named_agreement_must_cover_the_order(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        [known] = await federation.bank.running.agreements.agreements()
        agreement = known.body.agreement
        with pytest.raises(ProblemError) as caught:
            await federation.order(agreement=agreement, basis="gdpr-6-1-d")
        assert (caught.value.code, "payment-screening" in caught.value.detail) == ("not-covered", False)
        with pytest.raises(ProblemError) as caught:
            await federation.order(agreement=agreement, purpose="payment-screning")
        assert (caught.value.code, caught.value.detail) == (
            "not-covered",
            "The agreement that was named is for another purpose: payment-screening.",
        )
        assert (await federation.bank.ended(await federation.order(agreement=agreement))).outcome == "completed"


async def test_an_agreements_cap_holds_over_its_matches(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path, agreed=False) as federation:
        bank = federation.bank
        await federation.agree(units=150)
        outcomes = [(await bank.ended(await federation.order())) for _ in range(3)]
        assert [summary.outcome for summary in outcomes] == ["completed", "completed", "refused"]
        assert [reason.code for reason in outcomes[2].reasons] == ["cap-reached"]


async def test_a_case_has_one_name_for_each_peer() -> None:
    key = bytes(32)
    first = case_reference(key, "safe-harbour", "2026-114")
    assert first == case_reference(key, "safe-harbour", "2026-114")
    assert len({first, case_reference(key, "other", "2026-114"), case_reference(key, "safe-harbour", "2026-115")}) == 3
    assert case_reference(bytes([1]) * 32, "safe-harbour", "2026-114") != first


async def test_the_local_api_of_matches(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation, _client(federation.bank) as client:
        order = {
            "dataset": "book",
            "with": f"{NGO}/accounts",
            "purpose": "payment-screening",
            "basis": "gdpr-6-1-f",
            "case": CASE,
        }
        hold_engine_frames(federation.ngo)  # so that there is nothing to see yet
        started = await client.post("/v1/matches", json=order)
        assert started.status_code == 202
        match = MatchSummary.model_validate_json(started.content).match
        assert (await client.get(f"/v1/matches/{match}/hits")).status_code == 409
        federation.ngo.line.on = None
        await federation.bank.ended(match)
        shown = MatchSummary.model_validate_json((await client.get(f"/v1/matches/{match}")).content)
        assert (shown.state, shown.hits, shown.closed) == ("closed", 2, True)
        listed = MatchList.model_validate_json((await client.get("/v1/matches")).content)
        assert (listed.matches, listed.next) == ((shown,), None)
        hits = Hits.model_validate_json((await client.get(f"/v1/matches/{match}/hits")).content)
        assert {hit.value for hit in hits.hits} == set(IBANS[2:4])
        first = Hits.model_validate_json((await client.get(f"/v1/matches/{match}/hits?limit=1")).content)
        rest = Hits.model_validate_json((await client.get(f"/v1/matches/{match}/hits?after={first.next}")).content)
        assert ((*first.hits, *rest.hits), rest.next) == (hits.hits, None)
        assert (await client.get(f"/v1/matches/{match}/hits?after=x")).status_code == 422
        beyond = Hits.model_validate_json((await client.get(f"/v1/matches/{match}/hits?after=999")).content)
        assert (beyond.hits, beyond.next) == ((), None)
        blobs = federation.bank.running.blobs  # a node from before hits were kept in parts left them so
        await blobs.delete("results", f"{match}.parts")
        await blobs.put("results", match, TypeAdapter(tuple[HitView, ...]).dump_json(hits.hits))
        older = Hits.model_validate_json((await client.get(f"/v1/matches/{match}/hits?after={first.next}")).content)
        assert older == rest
        for role in set(Role) - {Role.ANALYST}:
            token = (await federation.bank.running.tokens.issue(role)).secret
            headers = {"authorization": f"Bearer {token}"}
            for path in ("/v1/matches", f"/v1/matches/{match}"):
                audited = await client.get(path, headers=headers)
                assert (audited.status_code, '"hits":null' in audited.text) == (200, True)
            assert (await client.get(f"/v1/matches/{match}/hits", headers=headers)).status_code == 403
        exported = await client.get("/v1/audit/export")
        assert not any(iban.encode() in exported.content for iban in IBANS)
        listed_records = await client.get("/v1/audit/records")
        (record,) = AuditRecords.model_validate_json(listed_records.content).records
        assert (record.match, record.purpose, record.decision) == (match, "payment-screening", "granted")
        assert record.outcome == "completed"
        assert record.opening is not None
        assert record.closing is not None
        assert record.opening < record.closing
        detail = await client.get(f"/v1/audit/records/{match}")
        assert AuditRecordDetail.model_validate_json(detail.content).record == record
        assert (await client.get(f"/v1/audit/records/{'0' * 32}")).status_code == 404
        assert not any("hits" in answer.text for answer in (listed_records, detail))
        answers = (started, await client.get(f"/v1/matches/{match}"), await client.get("/v1/matches"), exported)
        assert not any("447911123456" in answer.text for answer in answers), "a case reference is never repeated"
        assert len(AuditExport.model_validate_json(exported.content).matches) == 1
        assert (await client.post(f"/v1/matches/{match}/cancel")).status_code == 409
        assert (await client.post(f"/v1/matches/{'0' * 32}/cancel")).status_code == 404
        assert (await client.get(f"/v1/matches/{'0' * 32}")).status_code == 404
        assert (await client.get("/v1/matches/nonsense")).status_code == 422
        assert (await client.post("/v1/matches", json={**order, "more": 1})).status_code == 422
        federation.bank.running.matches = None
        assert (await client.get("/v1/matches")).status_code == 503


async def test_nonsense_in_the_inbox_holds_up_nothing_and_is_not_read_twice(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        ngo, asked = federation.ngo, list[int]()

        async def nonsense(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path != "/v1/inbox":
                return await send()
            after = int(request.url.params["after"])
            asked.append(after)
            request.url = request.url.copy_set_param("after", after // STRIDE)
            response = await send()
            if response.status_code != 200:
                return response
            inbox = Inbox.model_validate_json(await response.aread())
            events = tuple(told for real in inbox.events for told in _with_nonsense(real))
            body = Inbox(events=events, next=inbox.next * STRIDE).model_dump_json().encode()
            return httpx2.Response(200, stream=httpx2.ByteStream(body))

        await ngo.stop()
        ngo.line.on = nonsense
        await ngo.start()
        match = await federation.order()
        assert (await federation.bank.ended(match)).outcome == "completed"
        await ngo.ended(match)
        await ngo.stop()
        last, polls = asked[-1], len(asked)
        await ngo.start()
        await until(lambda: len(asked) > polls)
        assert asked[polls] >= last > 0


def _with_nonsense(real: InboxEvent) -> tuple[InboxEvent, ...]:
    """A real event, behind events that are about nothing; numbers are spread so that all are new."""
    first = (real.seq - 1) * STRIDE + 1
    return (
        InboxEvent(seq=first, type=InboxEventType.DECISION, match="0" * 32, agreement=None),
        InboxEvent(seq=first + 1, type=InboxEventType.AGREEMENT, match=None, agreement="0" * 32),
        InboxEvent(seq=first + 2, type=InboxEventType.CLOSING, match="1" * 32, agreement=None),
        real.model_copy(update={"seq": real.seq * STRIDE}),
    )


@asynccontextmanager
async def _client(member: Member) -> AsyncIterator[httpx2.AsyncClient]:
    token = (await member.running.tokens.issue(*Role)).secret
    transport = httpx2.ASGITransport(create_app(member.running), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8441", headers=headers) as client:
        yield client


async def test_orders_that_are_still_prepared_count_as_running(tmp_path: Path) -> None:
    async with loaded_federation(tmp_path) as federation:
        bank = federation.bank
        preparing = asyncio.Semaphore(0)

        async def hold(request: httpx2.Request, send: Send) -> httpx2.Response:
            if request.url.path == "/v1/catalogue":
                preparing.release()
                await asyncio.Event().wait()
            return await send()

        bank.line.on = hold
        orders = [asyncio.create_task(federation.order()) for _ in range(MAX_RUNNING)]
        for _ in orders:
            await preparing.acquire()
        with pytest.raises(ProblemError) as refused:
            await federation.order()
        assert (refused.value.status, refused.value.code) == (429, "busy")
        for order in orders:
            order.cancel()
        await asyncio.gather(*orders, return_exceptions=True)
        bank.line.on = None
        assert (await bank.ended(await federation.order())).state == "closed"
