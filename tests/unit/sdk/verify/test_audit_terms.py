"""The audit of who learns what: each direction and mode verifies; a grant or a charge beyond what was agreed fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from tacita_protocol.statements.acceptance import Acceptance
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.obligations import Obligations
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed, sign_statement, unverified, verify_statement
from tacita_protocol.statements.vocabulary import Mode, ResultTo
from tests.support.audit_case import AuditCase, Json
from tests.support.auditing import audit, failure
from tests.support.memory_broker import BANK, BROKER, NGO, OBLIGATIONS
from tests.support.memory_log import key_named

ASKED: dict[str, Json] = {
    "a silent hit": {"result_to": ResultTo.OWNER},
    "both learn": {"result_to": ResultTo.BOTH},
    "a number only": {"mode": Mode.CARDINALITY},
    "a silent hit in partitions": {"result_to": ResultTo.OWNER, "padded_count": 2**20},
}


@pytest.mark.parametrize("request_", ASKED.values(), ids=ASKED.keys())
def test_every_direction_and_mode_verifies(tmp_path: Path, request_: Json) -> None:
    case = AuditCase(fill=3, request=request_)
    steps = audit(case.write_log(tmp_path), case.export(BANK), case.export(NGO), trust=case.log.trust)
    assert steps[-1].number == 17


def obliging(**changes: Any) -> Obligations:
    return OBLIGATIONS.model_copy(update=changes)


GRANTS: dict[str, tuple[Json, Json, str]] = {
    "an engine that was not offered": ({}, {"engine": "vole"}, "its engine was not offered"),
    "an engine that cannot count": (
        {"mode": Mode.CARDINALITY, "engines": ("ecdh", "vole")},
        {"engine": "vole"},
        "its engine gives no such result to that side",
    ),
    "another count": ({"result_to": ResultTo.OWNER}, {"requester_count": 256}, "it allows another count"),
    "a receiver that the policy does not allow": (
        {"result_to": ResultTo.OWNER},
        {"obligations": obliging(result_to=(ResultTo.REQUESTER,))},
        "do not allow this receiver",
    ),
    "a mode that the policy does not allow": (
        {"mode": Mode.CARDINALITY},
        {"obligations": obliging(modes=(Mode.INTERSECTION,))},
        "do not allow this mode",
    ),
    "more than the policy allows the owner to evaluate": (
        {"result_to": ResultTo.OWNER},
        {"obligations": obliging(max_elements=127)},
        "allow fewer elements",
    ),
}


@pytest.mark.parametrize(("asked", "granted", "reason"), GRANTS.values(), ids=GRANTS.keys())
def test_a_grant_beyond_what_was_asked_or_allowed(tmp_path: Path, asked: Json, granted: Json, reason: str) -> None:
    case = AuditCase(fill=3, request=asked)
    match = only_decided(case, **granted)
    step, name, told = failure(case.write_log(tmp_path), case.export(BANK), trust=case.log.trust)
    assert (step, name) == (12, "digest links"), match["match"]
    assert reason in told


def test_a_grant_looser_than_the_requesters_own_node(tmp_path: Path) -> None:
    case = AuditCase(fill=3, request={"result_to": ResultTo.OWNER})
    only_decided(case, obligations=obliging(max_elements=OBLIGATIONS.max_elements * 2))
    step, name, told = failure(case.write_log(tmp_path), case.export(BANK), trust=case.log.trust)
    assert (step, name) == (12, "digest links")
    assert "less strict than the requester's own node" in told


def test_an_acceptance_that_demands_less_than_is_evaluated_in_its_partitions(tmp_path: Path) -> None:
    case = AuditCase(fill=3, request={"result_to": ResultTo.OWNER})
    match = case.matches["under way"]
    said = unverified(Acceptance, match["acceptance"])
    accepted = sign_statement(said.model_copy(update={"partitions": 4096}), key_named(NGO))
    tight = said.model_copy(update={"obligations": obliging(max_elements=128), "partitions": 4096})
    for acceptance, holds in ((accepted, True), (sign_statement(tight, key_named(NGO)), False)):
        match.update(acceptance=acceptance.envelope, open=None)
        log = case.write_log(tmp_path / str(holds))
        if holds:
            audit(log, case.export(BANK), trust=case.log.trust)
        else:
            assert "allow fewer elements" in failure(log, case.export(BANK), trust=case.log.trust)[2]


@pytest.mark.parametrize("charged", [0, 128, 255, 257])
def test_receipts_that_agree_on_a_charge_that_is_wrong(tmp_path: Path, charged: int) -> None:
    case = AuditCase(fill=3, request={"result_to": ResultTo.BOTH})
    match = case.matches["completed"]
    receipts: dict[str, Signed[Receipt]] = {}
    for role, partner in (("requester", BANK), ("responder", NGO)):
        said = unverified(Receipt, match["receipt"][role])
        assert said.elements_charged == 256
        receipts[role] = sign_statement(said.model_copy(update={"elements_charged": charged}), key_named(partner))
        match["receipt"][role] = receipts[role].envelope
    grant = verify_statement(Grant, match["decision"]["decision"], key_named(BROKER).verify_key)
    closing = case.broker.close(
        match["match"], grant.digest, requester=receipts["requester"], responder=receipts["responder"]
    )
    match["closing"] = json.loads(closing)
    step, name, told = failure(case.write_log(tmp_path), case.export(BANK), trust=case.log.trust)
    assert (step, name) == (15, "transcripts")
    assert "charges another number" in told


def only_decided(case: AuditCase, **granted: Any) -> Json:
    """The first match, with this grant in the log and nothing after it."""
    match = case.matches["completed"]
    request = verify_statement(MatchRequest, match["request"], key_named(BANK).verify_key)
    decision = case.broker.decide(request, case.broker.grant(request, **granted))
    match.update(decision=json.loads(decision), acceptance=None, open=None, closing=None)
    match["receipt"] = dict.fromkeys(match["receipt"])
    return match
