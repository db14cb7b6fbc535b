"""The audit of matches that ended early, were told in two ways, or in the wrong order of time."""

import copy
import json
from pathlib import Path

import pytest

from tacita_protocol.session import MessageKind
from tacita_protocol.statements.acceptance import Acceptance
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed, sign_statement, unverified, verify_statement
from tests.support.audit_case import AuditCase, Json
from tests.support.auditing import CASE, audit, failure
from tests.support.memory_broker import BANK, BROKER, CUSTODY, NGO, NOW, OBLIGATIONS, POLICY
from tests.support.memory_log import key_named
from tests.support.session_pair import take


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return CASE.write_log(tmp_path / "log")


def request_of(match: Json) -> Signed[MatchRequest]:
    return verify_statement(MatchRequest, match["request"], key_named(BANK).verify_key)


class GaveUpEarly(AuditCase):
    """The requester's abort crosses the acceptance on its way, or comes before its own open was posted."""

    def __init__(self, *, saw_acceptance: bool) -> None:
        self.saw_acceptance = saw_acceptance
        super().__init__(fill=3)

    def _aborted(self) -> Json:
        pair, match = self._granted()
        pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10)
        acceptance = take(pair.responder, MessageKind.ACCEPTANCE).data
        if self.saw_acceptance:
            pair.requester.receive(MessageKind.ACCEPTANCE, acceptance, NOW + 11)
            match["acceptance"] = acceptance.decode()
        pair.requester.abort(now=NOW + 20, custody=CUSTODY)
        pair.responder.abort(now=NOW + 30, custody=CUSTODY)
        return self._closed(pair, match)


@pytest.mark.parametrize("saw_acceptance", [False, True])
def test_an_abort_may_cite_what_never_arrived(tmp_path: Path, saw_acceptance: bool) -> None:
    case = GaveUpEarly(saw_acceptance=saw_acceptance)
    audit(case.write_log(tmp_path), case.export(BANK), trust=case.log.trust)


def test_what_one_receipt_cites_and_another_export_shows_must_agree(tmp_path: Path) -> None:
    case = GaveUpEarly(saw_acceptance=False)
    log = case.write_log(tmp_path)
    shown = case.export(NGO)
    match = next(match for match in shown["matches"] if match["match"] == case.matches["aborted"]["match"])
    other = take_acceptance(case, match)
    match.update(acceptance=other, closing=None, receipt=None)
    assert failure(log, case.export(BANK), shown, trust=case.log.trust)[1:] == (
        "digest links",
        f"match {match['match']} in the export of {NGO}: acceptance: the exports show two different ones of one match",
    )


def take_acceptance(case: AuditCase, match: Json) -> str:
    """Another acceptance of the same grant, signed by the responder."""
    completed = unverified(Acceptance, case.matches["completed"]["acceptance"])
    grant = verify_statement(Grant, match["decision"]["decision"], key_named(BROKER).verify_key)
    return sign_statement(
        completed.model_copy(update={"match": match["match"], "grant": grant.digest}), key_named(NGO)
    ).envelope


def test_a_side_that_signs_two_receipts(log: Path) -> None:
    export = copy.deepcopy(CASE.export(BANK))
    match = export["matches"][0]
    said = unverified(Receipt, match["receipt"])
    other = sign_statement(said.model_copy(update={"custody": "11" * 32}), key_named(BANK))
    match.update(receipt=other.envelope, closing=None)
    audit(log, export)  # nobody contradicts it
    for exports in [(export, CASE.export(NGO)), (CASE.export(NGO), export)]:
        step, name, reason = failure(log, *exports)
        assert (step, name) == (12, "digest links")
        assert "receipt of the requester" in reason


def test_a_match_accepted_before_it_was_recorded(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    match = case.matches["completed"]
    grant = verify_statement(Grant, match["decision"]["decision"], key_named(BROKER).verify_key)
    match["decision"] = json.loads(case.broker.decide(request_of(match), grant, time=NOW + 1200))
    match["closing"] = None
    log = case.write_log(tmp_path)
    step, name, reason = failure(log, case.export(BANK), trust=case.log.trust)
    assert (step, name) == (13, "opening entries")
    assert "accepted before it was recorded" in reason


def test_a_grant_without_end_does_not_keep_a_match_open(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    match = case.matches["under way"]
    grant = case.broker.grant(request_of(match), finish_before=NOW + 10**9)
    match.update(decision=json.loads(case.broker.decide(request_of(match), grant)), acceptance=None, open=None)
    case.log.now = NOW + 1 + OBLIGATIONS.expires_in + 901
    log = case.write_log(tmp_path)
    assert failure(log, case.export(BANK), trust=case.log.trust)[1] == "deadlines"


def test_a_request_that_nobody_decided_is_counted(log: Path) -> None:
    export = copy.deepcopy(CASE.export(BANK))
    export["matches"][0].update(decision=None, acceptance=None, open=None, closing=None, receipt=None)
    assert {step.name: step.proved for step in audit(log, export)}["deadlines"] == (
        "3 matches were closed in time, 1 may still go on, 1 show no decision"
    )


@pytest.mark.parametrize(
    ("receipts", "closed", "holds"),
    [
        (0, NOW + 600, True),  # start_before is one second later, in the same ten minutes
        (0, NOW, False),
        (1, NOW + 3600, True),
        (1, NOW + 3000, False),
    ],
)
def test_only_a_deadline_leaves_a_match_incomplete(tmp_path: Path, receipts: int, closed: int, holds: bool) -> None:
    case = AuditCase(fill=3)
    match = case.matches["completed"]
    grant = verify_statement(Grant, match["decision"]["decision"], key_named(BROKER).verify_key)
    requester = verify_statement(Receipt, match["receipt"]["requester"], key_named(BANK).verify_key)
    closing = case.broker.close(
        match["match"], grant.digest, requester=requester if receipts else None, outcome=Outcome.INCOMPLETE, time=closed
    )
    match["closing"] = json.loads(closing)
    log = case.write_log(tmp_path)
    if holds:
        audit(log, case.export(BANK), trust=case.log.trust)
    else:
        step, name, reason = failure(log, case.export(BANK), trust=case.log.trust)
        assert (step, name) == (14, "closing entries")
        assert "before its time was up" in reason
