"""What a match's requests and statements must fulfil, and that those which do not leave no trace."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tacita_broker.matches import keeper
from tacita_protocol.api import MatchState, PromiseBody, StatementBody, parse_body
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.statements.match import Promise
from tacita_protocol.statements.statement import verify_statement
from tacita_protocol.statements.vocabulary import PartnerKind, Role
from tests.support.broker_harness import broker_at
from tests.support.broker_match import ScriptedMatch, dataset_card, federation, match_request, requested
from tests.support.broker_partner import Partner


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


def test_what_crosses_with_an_abort_is_told_that_the_match_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            assert await match.say(bank, "receipt", match.make_abort(Role.REQUESTER)) == 204
            assert await match.say(ngo, "acceptance", match.make_acceptance()) == 410
            match = await requested(harness, bank, ngo)
            await match.granted()
            await match.accepted()
            assert await match.say(ngo, "receipt", match.make_abort(Role.RESPONDER)) == 204
            assert await match.say(bank, "open", match.make_open()) == 410

    asyncio.run(run())


def test_an_abort_may_cite_what_never_arrived_but_nothing_else_than_what_did(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            crossing = match.make_acceptance()
            assert await match.say(bank, "receipt", match.make_abort(Role.REQUESTER)) == 204
            assert await match.say(ngo, "acceptance", crossing) == 410
            ours = match.make_abort(Role.RESPONDER, acceptance=crossing.digest)
            assert await match.say(ngo, "receipt", ours) == 204
            await match.until(MatchState.CLOSED)
            match = await requested(harness, bank, ngo)
            await match.granted()
            await match.accepted()
            another = match.make_abort(Role.RESPONDER, acceptance=digest_of(b"another acceptance"))
            assert await match.say(ngo, "receipt", another) == 422

    asyncio.run(run())


def test_a_refusal_does_not_find_out_whether_the_other_side_has_finished(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.run_to_open()
            assert await match.say(ngo, "refusal", match.make_refusal()) == 409
            assert await match.say(bank, "receipt", match.make_receipt(Role.REQUESTER)) == 204
            assert await match.say(ngo, "refusal", match.make_refusal()) == 409

    asyncio.run(run())


def test_an_opening_after_the_closing_is_told_that_the_match_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            grant = await match.granted()
            await match.accepted()
            opening = match.make_open()
            harness.clock.offset += grant.body.finish_before - grant.body.issued + 1
            await match.until(MatchState.CLOSED)
            assert await match.say(bank, "open", opening) == 410

    asyncio.run(run())


def test_an_acceptance_that_comes_too_late_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before the match is closed for its deadline, which happens at the next look."""
    monkeypatch.setattr(keeper, "TICK_SECONDS", 3600)

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


def test_a_grant_is_used_once_however_many_race(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo)
            await match.granted()
            racers = [match.make_acceptance(policy=digest_of(bytes([number]))) for number in range(16)]
            statuses = await asyncio.gather(*(match.say(ngo, "acceptance", racer) for racer in racers))
            assert sorted(statuses) == [204] + [409] * 15
            view = await match.view(bank)
            assert view.acceptance == racers[statuses.index(204)].envelope

    asyncio.run(run())
