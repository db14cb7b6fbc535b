"""Bodies of the broker's routes: read strictly, refused by field."""

import pytest

from tacita_protocol.api import (
    MAX_BODY_BYTES,
    CosignatureBody,
    Inbox,
    InboxEvent,
    InboxEventType,
    MatchView,
    Problem,
    RevocationList,
    RevocationView,
    RotationBody,
    StatementBody,
    TokenRequest,
    TokenScope,
    WitnessNext,
    parse_body,
)
from tacita_protocol.errors import LimitExceeded, MalformedMessage
from tacita_protocol.statements.statement import Part

MATCH = "0" * 32

ACCEPTED: dict[str, tuple[bytes, Part]] = {
    "statement": (b'{"envelope":"{}"}', StatementBody(envelope="{}")),
    "token for frames": (
        b'{"scope":"frames","match":"00000000000000000000000000000000"}',
        TokenRequest(scope=TokenScope.FRAMES, match=MATCH),
    ),
    "token for the inbox": (b'{"scope":"inbox","match":null}', TokenRequest(scope=TokenScope.INBOX, match=None)),
    "inbox": (
        b'{"events":[{"seq":1,"type":"decision","match":"00000000000000000000000000000000","agreement":null}],"next":1}',
        Inbox(events=(InboxEvent(seq=1, type=InboxEventType.DECISION, match=MATCH, agreement=None),), next=1),
    ),
    "inbox that tells of a revocation": (
        b'{"events":[{"seq":2,"type":"revocation","match":null,"agreement":null}],"next":2}',
        Inbox(events=(InboxEvent(seq=2, type=InboxEventType.REVOCATION, match=None, agreement=None),), next=2),
    ),
    "revocations": (
        b'{"revocations":[{"number":3,"envelope":"{}","entry":null}],"next":3}',
        RevocationList(revocations=(RevocationView(number=3, envelope="{}", entry=None),), next=3),
    ),
    "rotation": (b'{"rotation":"{}","card":"{}"}', RotationBody(rotation="{}", card="{}")),
}


@pytest.mark.parametrize(("data", "body"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_body_is_read(data: bytes, body: Part) -> None:
    assert parse_body(type(body), data) == body
    assert parse_body(type(body), body.model_dump_json().encode()) == body


REFUSED: dict[str, tuple[type[Part], bytes, str | None]] = {
    "unknown field": (StatementBody, b'{"envelope":"{}","more":1}', None),
    "duplicate key": (StatementBody, b'{"envelope":"{}","envelope":"{}"}', None),
    "missing field": (TokenRequest, b'{"scope":"inbox"}', "match"),
    "wrong type": (StatementBody, b'{"envelope":{}}', "envelope"),
    "not ASCII": (StatementBody, '{"envelope":"é"}'.encode(), "envelope"),
    "a line break": (StatementBody, b'{"envelope":"{}\\n"}', "envelope"),
    "frames of no match": (TokenRequest, b'{"scope":"frames","match":null}', None),
    "inbox of a match": (TokenRequest, b'{"scope":"inbox","match":"00000000000000000000000000000000"}', None),
    "unknown scope": (TokenRequest, b'{"scope":"all","match":null}', "scope"),
    "event about nothing": (
        Inbox,
        b'{"events":[{"seq":1,"type":"decision","match":null,"agreement":null}],"next":1}',
        "events.0",
    ),
    "event about two things": (
        Inbox,
        b'{"events":[{"seq":1,"type":"agreement","match":"00000000000000000000000000000000",'
        b'"agreement":"00000000000000000000000000000000"}],"next":1}',
        "events.0",
    ),
    "revocation that names a match": (
        Inbox,
        b'{"events":[{"seq":1,"type":"revocation","match":"00000000000000000000000000000000","agreement":null}],'
        b'"next":1}',
        "events.0",
    ),
    "revocation without a number": (
        RevocationList,
        b'{"revocations":[{"envelope":"{}","entry":null}],"next":3}',
        "revocations.0.number",
    ),
    "rotation without a card": (RotationBody, b'{"rotation":"{}"}', "card"),
    "unknown state": (
        MatchView,
        b'{"match":"00000000000000000000000000000000","state":"waiting","requester":"a","responder":"b","request":"{}",'
        b'"decision":null,"acceptance":null,"refusal":null,"open":null,"closing":null}',
        "state",
    ),
    "short hash": (WitnessNext, b'{"old":1,"proof":["AAAA"],"checkpoint":"x"}', "proof.0"),
    "negative size": (CosignatureBody, b'{"size":-1,"line":"x"}', "size"),
    "foreign problem type": (Problem, b'{"type":"about:blank","title":"t","status":400,"detail":""}', "type"),
    "problem that is none": (
        Problem,
        b'{"type":"urn:tacita:problem:x","title":"t","status":200,"detail":""}',
        "status",
    ),
    "not an object": (StatementBody, b"[]", None),
    "not JSON": (StatementBody, b"envelope", None),
}


@pytest.mark.parametrize(("cls", "data", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_body_is_refused_by_field(cls: type[Part], data: bytes, field: str | None) -> None:
    with pytest.raises(MalformedMessage) as raised:
        parse_body(cls, data)
    assert raised.value.field == field


def test_a_body_has_a_limit() -> None:
    with pytest.raises(LimitExceeded):
        parse_body(StatementBody, b'{"envelope":"' + b"x" * MAX_BODY_BYTES + b'"}')


def test_a_problem_has_a_code() -> None:
    problem = Problem.of(409, "already-open", "Already open", "The match has been opened.")
    assert problem.type == "urn:tacita:problem:already-open"
    assert problem.code == "already-open"
