"""Matches of every form at the broker: for the requester, the owner or both, by either mode, by the agreed engine."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tacita_broker.matches.tables import MatchRow
from tacita_policies.decision import Decision
from tacita_protocol.api import MatchState, StatementBody
from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.psi.partition import bin_size
from tacita_protocol.statements.grant import Denial
from tacita_protocol.statements.match import MatchRequest, SenderDecision
from tacita_protocol.statements.statement import payload_of, payload_type, verify_statement
from tacita_protocol.statements.vocabulary import Mode, PartnerKind, ResultTo, Role
from tests.support.broker_harness import OBLIGATIONS, BrokerHarness, ScriptedPolicy, broker_at
from tests.support.broker_match import (
    DATASET,
    ScriptedMatch,
    dataset_card,
    federation,
    match_request,
    requested,
)
from tests.support.broker_partner import Partner

WIDE = OBLIGATIONS.model_copy(
    update={"modes": tuple(Mode), "engines": ("ecdh", "oprf", "vole"), "result_to": tuple(ResultTo)}
)
OWN = SenderDecision(policy=digest_of(b"own policy"), obligations=WIDE.model_copy(update={"expires_in": 600}))
OWNER: dict[str, Any] = {"result_to": ResultTo.OWNER, "sender_decision": OWN}
BOTH: dict[str, Any] = {"result_to": ResultTo.BOTH, "sender_decision": OWN}
CARDINALITY: dict[str, Any] = {"mode": Mode.CARDINALITY}


def permissive() -> ScriptedPolicy:
    return ScriptedPolicy(Decision(allow=True, reasons=(), obligations=WIDE))


async def reasons_of(harness: BrokerHarness, match: ScriptedMatch) -> list[str]:
    """Codes of the reasons in the denial."""
    view = await match.until(MatchState.CLOSED)
    assert view.decision is not None
    key = VerifyKey.from_text(harness.services.settings.signing_key)
    return [reason.code for reason in verify_statement(Denial, view.decision.decision, key).body.reasons]


async def units_of(harness: BrokerHarness, match: ScriptedMatch) -> int:
    async with harness.services.database.read() as session:
        return (await session.scalars(select(MatchRow.units).where(MatchRow.match == match.id))).one()


FORMS = [
    pytest.param({}, 128, 3600, id="to the requester"),
    pytest.param(OWNER, 1024, 600, id="to the owner"),
    pytest.param(BOTH, 1152, 600, id="to both"),
    pytest.param(CARDINALITY, 128, 3600, id="a cardinality"),
]


@pytest.mark.parametrize(("form", "units", "seconds"), FORMS)
def test_every_form_runs_to_its_closing(tmp_path: Path, form: dict[str, Any], units: int, seconds: int) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, policy=permissive()) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo, **form)
            await match.run_to_open()
            assert await units_of(harness, match) == units
            assert match.grant is not None
            grant = match.grant.body
            # Counts go by who asked, whoever learns; the requester's own decision binds as the policy does.
            assert (grant.requester_count, grant.responder_count, grant.engine) == (128, 1024, "ecdh")
            assert (grant.obligations.expires_in, grant.finish_before - grant.issued) == (seconds, seconds)
            for partner, role in ((bank, Role.REQUESTER), (ngo, Role.RESPONDER)):
                receipt = match.make_receipt(role, elements_charged=units)
                assert await match.say(partner, "receipt", receipt) == 204
            await match.until(MatchState.CLOSED)

    asyncio.run(run())


async def offering(ngo: Partner, *engines: str, padded_size: int = 1024) -> None:
    """The NGO publishes a second epoch, which its node answers by these engines."""
    card = dataset_card(ngo, epoch=2, engines=engines, padded_size=padded_size)
    answer = await ngo.put(f"/v1/datasets/{DATASET}/2", StatementBody(envelope=card.envelope))
    assert answer.status_code == 201, answer.text


NEGOTIATED = [
    pytest.param(("vole", "ecdh"), ("ecdh", "vole"), {}, "vole", id="the requester's order"),
    pytest.param(("oprf", "vole", "ecdh"), ("vole", "ecdh"), CARDINALITY, "ecdh", id="what can count"),
]


@pytest.mark.parametrize(("engines", "offered", "form", "granted"), NEGOTIATED)
def test_the_engine_is_the_requesters_first_that_fits(
    tmp_path: Path, engines: tuple[str, ...], offered: tuple[str, ...], form: dict[str, Any], granted: str
) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, policy=permissive()) as harness:
            bank, ngo = await federation(harness)
            await offering(ngo, *offered)
            match = await requested(harness, bank, ngo, epoch=2, engines=engines, **form)
            assert (await match.granted()).body.engine == granted

    asyncio.run(run())


def test_the_policy_hears_what_could_be_evaluated(tmp_path: Path) -> None:
    """64 elements against 2^26 are cut into 128 partitions, and what fills those up can be evaluated too."""

    async def run() -> None:
        policy = permissive()
        async with broker_at(tmp_path, policy=policy) as harness:
            bank, ngo = await federation(harness)
            await offering(ngo, "ecdh", padded_size=2**26)
            large = await requested(harness, bank, ngo, epoch=2)
            await large.granted()
            assert await units_of(harness, large) == 128 * bin_size(128, 128)
            denied = await requested(harness, bank, ngo, epoch=2, **CARDINALITY)
            assert await reasons_of(harness, denied) == ["too-many-for-engine"]
            assert await units_of(harness, denied) == 0
            await (await requested(harness, bank, ngo, epoch=2)).until(MatchState.GRANTED)
            assert policy.asked[-1].history.units_30d == 128 * bin_size(128, 128)

    asyncio.run(run())


DENIED = [
    pytest.param({**CARDINALITY, "engines": ("vole",)}, "engine-cannot", id="an engine that does not count"),
    pytest.param(
        {**OWNER, "sender_decision": SenderDecision(policy=OWN.policy, obligations=OBLIGATIONS)},
        "form-not-permitted",
        id="a receiver that the requester's own node does not permit",
    ),
]


@pytest.mark.parametrize(("form", "code"), DENIED)
def test_what_cannot_be_carried_out_is_denied_with_a_reason(tmp_path: Path, form: dict[str, Any], code: str) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, policy=permissive()) as harness:
            bank, ngo = await federation(harness)
            match = await requested(harness, bank, ngo, **form)
            assert await reasons_of(harness, match) == [code]
            assert (await ngo.get(f"/v1/matches/{match.id}")).status_code == 404

    asyncio.run(run())


def test_the_policy_hears_how_often_an_epoch_was_counted(tmp_path: Path) -> None:
    async def run() -> None:
        policy = permissive()
        async with broker_at(tmp_path, policy=policy) as harness:
            bank, ngo = await federation(harness)
            other = await harness.partner("second-bank", PartnerKind.BANK)

            async def heard(partner: Partner, **form: Any) -> int:
                match = await requested(harness, partner, ngo, **form)
                await match.until(MatchState.GRANTED, MatchState.CLOSED)
                return policy.asked[-1].history.cardinality_epoch

            assert await heard(bank, **CARDINALITY) == 0
            assert await heard(bank, **CARDINALITY) == 1
            assert await heard(bank) == 2  # an intersection hears it, and does not count
            assert await heard(bank, **CARDINALITY, engines=("vole",)) == 2
            assert await heard(bank, **CARDINALITY) == 2  # the one before was denied
            assert await heard(other, **CARDINALITY) == 0
            await offering(ngo, "ecdh")
            assert await heard(bank, **CARDINALITY, epoch=2) == 0

    asyncio.run(run())


BROKEN: dict[str, dict[str, Any]] = {
    "the owner learns, and the requester's node was not asked": {"result_to": "owner"},
    "only the requester learns, and its own node decided": {"sender_decision": OWN.model_dump(mode="json")},
    "a cardinality for the owner": {
        "mode": "cardinality",
        "result_to": "owner",
        "sender_decision": OWN.model_dump(mode="json"),
    },
}


def test_a_form_that_contradicts_itself_leaves_no_trace(tmp_path: Path) -> None:
    async def run() -> None:
        async with broker_at(tmp_path, policy=permissive()) as harness:
            bank, ngo = await federation(harness)
            for what, changes in BROKEN.items():
                body = json.loads(payload_of(match_request(bank, ngo).body)) | changes
                envelope = dsse.sign(payload_type(MatchRequest), canonical_json(body), bank.key).decode()
                answer = await bank.post("/v1/matches", StatementBody(envelope=envelope))
                assert (answer.status_code, answer.json()["type"]) == (422, "urn:tacita:problem:malformed"), what
            assert harness.row_counts()["matches"] == 0
            assert harness.policy.asked == []

    asyncio.run(run())
