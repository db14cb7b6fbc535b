"""The audit of matches: one changed byte, and every lie that a node or broker could tell, fails at its step."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.statements.grant import Grant
from tacita_protocol.statements.logged import Outcome, opening_items
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import Receipt
from tacita_protocol.statements.statement import Signed, sign_statement, unverified, verify_statement
from tests.support.audit_case import AuditCase, Json
from tests.support.auditing import CASE, failure
from tests.support.memory_broker import BANK, BROKER, NGO, NOW
from tests.support.memory_log import key_named


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return CASE.write_log(tmp_path / "log")


def change_character(text: str, where: float) -> str:
    position = int(where * len(text))
    return text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]


def at(export: Json, match: int, *path: str) -> tuple[Any, str]:
    node: Any = export["matches"][match]
    for name in path[:-1]:
        node = node[name]
    return node, path[-1]


ENVELOPES = {
    ("request",): "statements",
    ("decision", "decision"): "statements",
    ("acceptance",): "statements",
    ("open",): "statements",
    ("receipt",): "receipts",
    ("closing", "receipts", "requester"): "receipts",
    ("closing", "receipts", "responder"): "receipts",
    ("decision", "logged", "entry"): "opening entries",
    ("decision", "logged", "proof"): "opening entries",
    ("closing", "logged", "entry"): "closing entries",
    ("closing", "logged", "proof"): "closing entries",
}


@pytest.mark.parametrize(("path", "step"), ENVELOPES.items(), ids=["/".join(path) for path in ENVELOPES])
@pytest.mark.parametrize("where", [0.0, 0.1, 0.4, 0.6])
def test_one_changed_byte_of_an_export(log: Path, path: tuple[str, ...], step: str, where: float) -> None:
    export = CASE.export(BANK)
    export = copy.deepcopy(export)
    node, name = at(export, 0, *path)
    node[name] = change_character(node[name], where)
    assert failure(log, export)[1] == step


@pytest.mark.parametrize(("part", "step"), [("decision", "opening entries"), ("closing", "closing entries")])
def test_a_changed_or_missing_disclosure(log: Path, part: str, step: str) -> None:
    for change in (lambda d: [change_character(d[0], 0.5), *d[1:]], lambda d: d[1:]):
        export = copy.deepcopy(CASE.export(BANK))
        logged = export["matches"][0][part]["logged"]
        logged["disclosures"] = change(logged["disclosures"])
        assert failure(log, export)[1] == step


def swap(one: str, other: str, *path: str) -> Callable[[Json], None]:
    """Put what another match of the same export has in place of a match's own."""

    def change(export: Json) -> None:
        names = list(CASE.matches)
        node, name = at(export, names.index(one), *path)
        source, _ = at(export, names.index(other), *path)
        node[name] = source[name]

    return change


def drop(match: str, *path: str) -> Callable[[Json], None]:
    def change(export: Json) -> None:
        node, name = at(export, list(CASE.matches).index(match), *path)
        node[name] = None

    return change


LIES: dict[str, tuple[Callable[[Json], None], str]] = {
    "a request of another match": (swap("completed", "aborted", "request"), "statements"),
    "another role": (lambda export: export["matches"][0].update(role="responder"), "statements"),
    "another match's grant": (swap("completed", "aborted", "decision"), "digest links"),
    "another match's acceptance": (swap("completed", "aborted", "acceptance"), "digest links"),
    "another match's open": (swap("completed", "aborted", "open"), "digest links"),
    "an acceptance beside a denial": (swap("denied", "completed", "acceptance"), "digest links"),
    "an acceptance beside a refusal": (swap("refused", "completed", "acceptance"), "digest links"),
    "an open without acceptance": (drop("completed", "acceptance"), "digest links"),
    "another match's receipts": (swap("completed", "aborted", "closing", "receipts"), "receipts"),
    "another match's closing entry": (swap("completed", "aborted", "closing", "logged"), "closing entries"),
    "the opening in place of the closing": (
        lambda export: export["matches"][0]["closing"].update(logged=export["matches"][0]["decision"]["logged"]),
        "closing entries",
    ),
    "a receipt withheld from the auditor": (drop("completed", "closing", "receipts", "responder"), "closing entries"),
    "the two receipts exchanged": (
        lambda export: export["matches"][0]["closing"].update(
            receipts=dict(
                zip(("responder", "requester"), export["matches"][0]["closing"]["receipts"].values(), strict=True)
            )
        ),
        "receipts",
    ),
    "another broker": (lambda export: export.update(broker="broker-two"), "digest links"),
    "another broker's key": (
        lambda export: export.update(broker_key=key_named("other").verify_key.text),
        "statements",
    ),
    "a card that is not in the log": (
        lambda export: export["cards"].append(
            sign_statement(
                CASE.cards[0].body.model_copy(
                    update={"partner": "invented", "signing_key": key_named("invented").verify_key.text}
                ),
                key_named("invented"),
            ).envelope
        ),
        "cards",
    ),
    "a card changed": (
        lambda export: export["cards"].__setitem__(0, change_character(export["cards"][0], 0.4)),
        "cards",
    ),
    "no card of the peer": (lambda export: export["cards"].pop(), "statements"),
}


@pytest.mark.parametrize(("lie", "step"), LIES.values(), ids=LIES.keys())
def test_a_lie_in_an_export(log: Path, lie: Callable[[Json], None], step: str) -> None:
    export = copy.deepcopy(CASE.export(BANK))
    lie(export)
    assert failure(log, export)[1] == step


def test_exports_of_two_brokers(log: Path) -> None:
    other = copy.deepcopy(CASE.export(NGO)) | {"broker_key": key_named("other").verify_key.text}
    assert failure(log, CASE.export(BANK), other)[1] == "exports"


def test_a_proof_cosigned_by_the_parties_only(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    match = case.matches["completed"]
    request = request_of(match)
    grant = case.broker.grant(request)
    decision = json.loads(case.broker.decide(request, grant, cosigners=[BANK, NGO]))
    match.update(decision=decision, acceptance=None, open=None, closing=None, receipt=dict.fromkeys(match["receipt"]))
    log = case.write_log(tmp_path)
    step, name, reason = failure(log, case.export(BANK), trust=case.log.trust)
    assert (step, name) == (13, "opening entries")
    assert reason.endswith("too few independent witnesses cosigned this checkpoint")


def request_of(match: Json) -> Signed[MatchRequest]:
    return verify_statement(MatchRequest, match["request"], key_named(BANK).verify_key)


def test_an_entry_that_is_proved_but_not_in_this_log(tmp_path: Path) -> None:
    # The broker shows the node one tree and the auditor another, and both witnesses are in it.
    case, shown = AuditCase(fill=3), AuditCase(fill=3)
    export = case.export(BANK)
    export["cards"] = [card.envelope for card in shown.cards]
    log = shown.write_log(tmp_path)
    assert failure(log, export, trust=shown.log.trust)[1] == "opening entries"


def test_receipts_that_contradict_each_other(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    match = case.matches["completed"]
    receipts = match["closing"]["receipts"]
    said = unverified(Receipt, receipts["responder"])
    lied = sign_statement(said.model_copy(update={"elements_charged": said.elements_charged + 1}), key_named(NGO))
    honest = verify_statement(Receipt, receipts["requester"], key_named(BANK).verify_key)
    grant = verify_statement(Grant, match["decision"]["decision"], key_named(BROKER).verify_key)
    closing = case.broker.close(
        match["match"], grant.digest, requester=honest, responder=lied, outcome=Outcome.DISPUTED
    )
    match["closing"] = json.loads(closing)
    match["receipt"]["responder"] = lied.envelope
    log = case.write_log(tmp_path)
    step, name, reason = failure(log, case.export(BANK), trust=case.log.trust)
    assert (step, name) == (15, "transcripts")
    assert "contradict" in reason


def test_a_broker_that_calls_it_something_else(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    match = case.matches["completed"]
    request = request_of(match)
    grant = case.broker.grant(request)
    items = opening_items(request, grant) | {"policy": digest_of(b"another bundle")}
    match["decision"] = json.loads(case.broker.decide(request, grant, items=items))
    match.update(acceptance=None, open=None, closing=None, receipt=dict.fromkeys(match["receipt"]))
    log = case.write_log(tmp_path)
    assert failure(log, case.export(BANK), trust=case.log.trust)[1:] == (
        "opening entries",
        f"match {match['match']} in the export of {BANK}: logged: the entry says something else about: policy",
    )


def test_a_match_that_was_never_closed(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    case.log.now = NOW + 3601 + 901
    log = case.write_log(tmp_path)
    step, name, reason = failure(log, case.export(BANK), trust=case.log.trust)
    assert (step, name) == (16, "deadlines")
    assert "no closing was shown" in reason


def test_a_closing_after_the_deadline(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    match = case.matches["under way"]
    grant = unverified(Grant, match["decision"]["decision"])
    digest = sign_statement(grant, key_named(BROKER)).digest
    match["closing"] = json.loads(case.broker.close(match["match"], digest, time=grant.finish_before + 2000))
    log = case.write_log(tmp_path)
    assert failure(log, case.export(BANK), trust=case.log.trust)[1] == "deadlines"


def test_a_log_older_than_the_evidence(tmp_path: Path) -> None:
    case = AuditCase(fill=3)
    log = case.write_log(tmp_path)
    (log / "checkpoint").write_bytes(case.log.note(case.sizes[0]))
    assert failure(log, case.export(BANK), trust=case.log.trust)[1] in {"opening entries", "consistency"}
