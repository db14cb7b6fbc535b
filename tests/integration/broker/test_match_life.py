"""A match from request to closing, over HTTP, with a scripted pair of partners."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from tacita_broker.log.tables import LogEntryRow
from tacita_protocol.api import MatchState, MatchView, PromiseBody, StatementBody, parse_body
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.statements.grant import Denial
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.match import Promise
from tacita_protocol.statements.statement import verify_statement
from tacita_protocol.statements.vocabulary import PartnerKind, ResultTo, Role
from tests.support.broker_harness import DENY, BrokerHarness, ScriptedPolicy, broker_at
from tests.support.broker_match import (
    ScriptedMatch,
    dataset_card,
    event_types,
    federation,
    match_request,
    requested,
)
from tests.support.broker_partner import Partner


def outcome_of_closed(view: MatchView, match: ScriptedMatch) -> str:
    """The outcome in a proved closing entry, its proof checked without the two parties."""
    assert view.closing is not None
    assert match.harness.trust is not None
    parties = frozenset({view.requester, view.responder})
    return view.closing.logged.verify(match.harness.trust, excluded=parties).items["outcome"]


def test_a_match_runs_from_request_to_closing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert match.grant is not None
            assert (match.grant.body.receiver_count, match.grant.body.sender_count) == (128, 1024)
            await match.relay("requester", b"\x00" * 1000)
            await match.relay("responder", b"\x01" * 1000)
            assert await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)) == 204
            assert (await match.view(bank)).state is MatchState.OPEN
            assert await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER)) == 204
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.COMPLETED
            assert view == await match.view(ngo)
            assert await event_types(bank) == ["decision", "acceptance", "closing"]
            assert await event_types(ngo) == ["decision", "open", "closing"]
            assert (await bank.frame(match.id, "responder", 0)).status_code == 410
            assert list(harness.directory.blobs.iterdir()) == []
            assert await _references(harness) == ["closing", "dataset-card", "opening", "partner-card", "partner-card"]

    asyncio.run(run())


async def _references(harness: BrokerHarness) -> list[str]:
    async with harness.services.database.read() as session:
        return sorted(name.partition(":")[0] for name in await session.scalars(select(LogEntryRow.reference)))


def test_a_denied_match_leaves_two_entries_and_no_trace_with_its_responder(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, policy=ScriptedPolicy(DENY)) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            view = await match.until(MatchState.CLOSED)
            assert view.decision is not None
            key = VerifyKey.from_text(harness.services.settings.signing_key)
            denial = verify_statement(Denial, view.decision.decision, key)
            assert denial.body.reasons == DENY.reasons
            assert outcome_of_closed(view, match) == Outcome.DENIED
            assert await event_types(bank) == ["decision", "closing"]
            assert await event_types(ngo) == []
            assert (await ngo.get(f"/v1/matches/{match.id}")).status_code == 404
            assert (await _references(harness)).count("opening") == (await _references(harness)).count("closing") == 1

    asyncio.run(run())


def test_a_denials_closing_waits_for_its_random_time(tmp_path: Path) -> None:
    async def run() -> None:
        policy = ScriptedPolicy(DENY)
        async with broker_at(tmp_path, policy=policy, denial_closing_mean_seconds=1e9) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.until(MatchState.DENIED)
            await asyncio.sleep(0.7)
            assert (await match.view(bank)).state is MatchState.DENIED
            harness.clock.offset += int(harness.services.settings.denial_closing_max_seconds) + 1
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.DENIED

    asyncio.run(run())


def test_a_refused_match_closes_with_the_refusal(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            refusal = match.make_refusal()
            assert await match.say(ngo, "refusal", refusal) == 204
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.REFUSED
            assert view.closing is not None
            assert view.closing.refusal == view.refusal == refusal.envelope
            assert await event_types(bank) == ["decision", "refusal", "closing"]
            assert await match.say(ngo, "acceptance", match.make_acceptance()) == 409

    asyncio.run(run())


async def _nothing(_match: ScriptedMatch) -> None:
    """Neither side does anything."""


async def _accept(match: ScriptedMatch) -> None:
    await match.accepted()


async def _one_receipt(match: ScriptedMatch) -> None:
    await match.accepted()
    await match.opened()
    assert await match.say(match.requester, "receipt", match.make_receipt(Role.REQUESTER)) == 204


@pytest.mark.parametrize("steps", [_nothing, _accept, _one_receipt])
def test_a_deadline_closes_whatever_is_open(tmp_path: Path, steps: Callable[[ScriptedMatch], Awaitable[None]]) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            grant = await match.granted()
            await steps(match)
            harness.clock.offset += grant.body.finish_before - grant.body.issued + 1
            view = await match.until(MatchState.CLOSED)
            assert outcome_of_closed(view, match) == Outcome.INCOMPLETE
            # Whoever is late changes nothing any more.
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 409

    asyncio.run(run())


def test_an_abort_is_told_to_the_other_side_and_closes_the_match(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(bank, "receipt", match.make_abort(Role.REQUESTER)) == 204
            assert await event_types(ngo) == ["decision", "open", "aborted"]
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 204
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.ABORTED

    asyncio.run(run())


def test_an_abort_is_not_held_up_by_a_silent_peer(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, abort_grace_seconds=30) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 204
            harness.clock.offset += 31
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.ABORTED

    asyncio.run(run())


def test_receipts_that_contradict_each_other_are_disputed(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER))
            await match.say(ngo, "receipt", match.make_receipt(Role.RESPONDER, elements_charged=1))
            assert outcome_of_closed(await match.until(MatchState.CLOSED), match) == Outcome.DISPUTED

    asyncio.run(run())


def test_a_promise_is_given_once_and_repeated(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            request = match_request(bank, ngo)
            body = StatementBody(envelope=request.envelope)
            answers = [await bank.post("/v1/matches", body) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [201, 200]
            assert answers[0].content == answers[1].content
            promise = parse_body(PromiseBody, answers[0].content).promise
            key = VerifyKey.from_text(harness.services.settings.signing_key)
            assert verify_statement(Promise, promise, key).body.request == request.digest
            other = match_request(bank, ngo, match=request.body.match)
            assert (await bank.post("/v1/matches", StatementBody(envelope=other.envelope))).status_code == 409

    asyncio.run(run())


def test_each_statement_may_be_repeated_but_not_replaced(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert match.acceptance is not None
            assert match.open is not None
            receipt = match.make_receipt(Role.REQUESTER)
            assert await match.say(bank, "receipt", receipt) == 204
            before = harness.row_counts()["inbox"]
            assert await match.say(ngo, "acceptance", match.acceptance) == 204
            assert await match.say(bank, "open", match.open) == 204
            assert await match.say(bank, "receipt", receipt) == 204
            assert harness.row_counts()["inbox"] == before
            other = match.make_acceptance(policy=digest_of(b"another policy"))
            assert await match.say(ngo, "acceptance", other) == 409
            assert await match.say(bank, "receipt", match.make_abort(Role.REQUESTER)) == 409

    asyncio.run(run())


WRONG: list[tuple[str, Callable[[ScriptedMatch], tuple[Partner, str, object]], int]] = [
    ("acceptance by the requester", lambda m: (m.requester, "acceptance", m.make_acceptance()), 403),
    ("open before acceptance", lambda m: (m.requester, "open", m.make_open()), 422),
    ("open by the responder", lambda m: (m.responder, "open", m.make_open()), 403),
    (
        "acceptance of another grant",
        lambda m: (m.responder, "acceptance", m.make_acceptance(grant=digest_of(b"other"))),
        422,
    ),
    (
        "acceptance of another match",
        lambda m: (m.responder, "acceptance", m.make_acceptance(match="0" * 32)),
        422,
    ),
    ("a refusal where an acceptance belongs", lambda m: (m.responder, "acceptance", m.make_refusal()), 422),
    ("an acceptance from the past", lambda m: (m.responder, "acceptance", m.make_acceptance(issued=1)), 422),
    (
        "completed before it was open",
        lambda m: (
            m.responder,
            "receipt",
            m.make_receipt(Role.RESPONDER, acceptance=digest_of(b"a"), open=digest_of(b"o")),
        ),
        409,
    ),
    ("the other side's receipt", lambda m: (m.responder, "receipt", m.make_abort(Role.REQUESTER)), 422),
]


def test_statements_that_do_not_fit_change_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            before = (await match.view(bank), harness.row_counts("nonces"))
            for name, make, status in WRONG:
                partner, what, statement = make(match)
                body = StatementBody(envelope=getattr(statement, "envelope", ""))
                answer = await partner.post(f"/v1/matches/{match.id}/{what}", body)
                assert answer.status_code == status, (name, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
            assert (await match.view(bank), harness.row_counts("nonces")) == before
            # The right one still works.
            await match.accepted()

    asyncio.run(run())


def test_an_acceptance_that_comes_too_late_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            grant = await match.granted()
            harness.clock.offset += grant.body.start_before - grant.body.issued
            assert await match.say(ngo, "acceptance", match.make_acceptance()) == 409

    asyncio.run(run())


REFUSED_REQUESTS = [
    pytest.param({"responder": "nobody"}, 404, id="no such partner"),
    pytest.param({"dataset": "nothing"}, 404, id="no such dataset"),
    pytest.param({"dataset": "hidden"}, 404, id="a dataset that this kind may not discover"),
    pytest.param({"epoch": 2}, 404, id="an epoch that is not published"),
    pytest.param({"normaliser": "account/2"}, 422, id="another normaliser"),
    pytest.param({"result_to": ResultTo.OWNER}, 422, id="a result for the owner"),
    pytest.param({"agreement": digest_of(b"none")}, 422, id="an agreement that is not deposited"),
    pytest.param({"issued": 1, "expires": 2}, 422, id="expired"),
    pytest.param({"expires": 2_000_000_000}, 422, id="valid for years"),
]


@pytest.mark.parametrize(("changes", "status"), REFUSED_REQUESTS)
def test_a_request_that_does_not_fit_leaves_no_trace(tmp_path: Path, changes: dict[str, object], status: int) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            hidden = dataset_card(ngo, dataset="hidden", seen_by=(PartnerKind.REGULATOR,))
            await ngo.put("/v1/datasets/hidden/1", StatementBody(envelope=hidden.envelope))
            before = harness.row_counts("nonces")
            request = match_request(bank, ngo, **changes)
            answer = await bank.post("/v1/matches", StatementBody(envelope=request.envelope))
            assert answer.status_code == status, answer.text
            assert harness.row_counts("nonces")["matches"] == before["matches"] == 0
            assert harness.policy.asked == []

    asyncio.run(run())


def test_no_match_is_served_before_the_trust_file(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank = await harness.partner("first-bank", PartnerKind.BANK)
            ngo = await harness.partner("safe-harbour", PartnerKind.NGO)
            await ngo.put("/v1/datasets/accounts/1", StatementBody(envelope=dataset_card(ngo).envelope))
            request = match_request(bank, ngo)
            answer = await bank.post("/v1/matches", StatementBody(envelope=request.envelope))
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:tacita:problem:no-trust-file")
            assert (await harness.client.get("/v1/trust")).status_code == 404

    asyncio.run(run())


def test_too_many_open_matches_are_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, open_matches_per_partner=2) as harness:
            bank, ngo = await federation(harness)
            for _ in range(2):
                await requested(harness, bank, ngo)
            request = match_request(bank, ngo)
            answer = await bank.post("/v1/matches", StatementBody(envelope=request.envelope))
            assert answer.status_code == 429

    asyncio.run(run())
