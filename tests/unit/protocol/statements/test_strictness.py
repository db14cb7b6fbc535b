"""What is signed and still refused: each case says which field, and no message repeats the value."""

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.errors import (
    LimitExceeded,
    MalformedMessage,
    ProtocolError,
    UnsupportedVersion,
)
from tacita_protocol.statements.statement import (
    MAX_ENVELOPE_BYTES,
    Statement,
    payload_of,
    payload_type,
    unverified,
    verify_statement,
)
from tests.support.golden import STATEMENTS
from tests.support.later_statements import DISCLOSURE, ERASURE, KEY_ROTATION, REFERRAL, RETRACTION, REVOCATION, VERDICT
from tests.support.memory_log import key_named
from tests.support.statements import (
    ACCEPTANCE,
    AGREEMENT,
    DATASET_CARD,
    GRANT,
    MATCH_REQUEST,
    ONLINE_CARD,
    PARTNER_CARD,
    RECEIPT,
    SEALING_KEY,
    SILENT_REQUEST,
    TIME,
)

KEY = key_named("somebody")
MARKER = "mArKeR-0441632960000"
Edit = Callable[[Any], object]


def signed(statement: Statement, payload: bytes) -> str:
    """Any payload under a genuine signature."""
    return dsse.sign(payload_type(type(statement)), payload, KEY).decode()


def read(statement: Statement, payload: bytes) -> Statement:
    return verify_statement(type(statement), signed(statement, payload), KEY.verify_key).body


def edited(statement: Statement, edit: Edit) -> bytes:
    """The statement's payload after an edit of its parsed JSON, in canonical form again."""
    body = json.loads(payload_of(statement))
    edit(body)
    return canonical_json(body)


def setting(path: str, value: Any) -> Edit:
    """An edit that puts `value` at `path` (dots and indices)."""
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))

    def edit(body: Any) -> None:
        for step in steps:
            body = body[step]
        body[last] = value

    return edit


REFUSED: dict[str, tuple[Statement, Edit, str | None]] = {
    "unknown field": (GRANT, setting(MARKER, 1), None),
    "unknown field inside": (GRANT, setting(f"obligations.{MARKER}", 1), "obligations"),
    "missing field": (GRANT, lambda body: body.pop("policy"), "policy"),
    "missing nullable field": (RECEIPT, lambda body: body.pop("step"), "step"),
    "missing version": (GRANT, lambda body: body.pop("v"), "v"),
    "version as text": (GRANT, setting("v", "1"), "v"),
    "version as true": (GRANT, setting("v", value=True), "v"),
    "python name instead of the field's": (AGREEMENT, lambda body: body.update(class_=body.pop("class")), "payload"),
    "number as text": (GRANT, setting("issued", str(TIME)), "issued"),
    "number as float": (GRANT, setting("issued", TIME + 0.5), "issued"),
    "number as true": (DATASET_CARD, setting("epoch", value=True), "epoch"),
    "negative time": (GRANT, setting("issued", -1), "issued"),
    "time in milliseconds": (GRANT, setting("issued", TIME * 1000), "issued"),
    "list as text": (MATCH_REQUEST, setting("engines", "ecdh"), "engines"),
    "list as object": (MATCH_REQUEST, setting("engines", {}), "engines"),
    "empty list": (MATCH_REQUEST, setting("engines", []), "engines"),
    "too long list": (MATCH_REQUEST, setting("engines", [f"e{n}" for n in range(5)]), "engines"),
    "an item twice": (MATCH_REQUEST, setting("engines", ["ecdh", "ecdh"]), "engines"),
    "too many jurisdictions": (
        PARTNER_CARD,
        setting("jurisdictions", [a + b for a in "ABCDEF" for b in "ABCDEF"][:33]),
        "jurisdictions",
    ),
    "too many terms": (AGREEMENT, lambda body: body.update(terms=body["terms"] * 17), "terms"),
    "too many credentials": (
        PARTNER_CARD,
        lambda body: body.update(credentials=body["credentials"] * 17),
        "credentials",
    ),
    "country in lower case": (PARTNER_CARD, setting("jurisdictions", ["gb"]), "jurisdictions.0"),
    "partner id with a dot": (MATCH_REQUEST, setting("requester", "first.bank"), "requester"),
    "partner id of 64": (MATCH_REQUEST, setting("requester", "a" * 64), "requester"),
    "partner id with a newline": (MATCH_REQUEST, setting("requester", "first-bank\n"), "requester"),
    "upper-case digest": (GRANT, setting("policy", "AB" * 32), "policy"),
    "short digest": (GRANT, setting("policy", "ab" * 31), "policy"),
    "upper-case match id": (GRANT, setting("match", "AB" * 16), "match"),
    "padded key": (PARTNER_CARD, lambda body: body.update(signing_key=body["signing_key"] + "="), "signing_key"),
    "short key": (PARTNER_CARD, setting("signing_key", "AAAA"), "signing_key"),
    "key that is no point": (PARTNER_CARD, setting("signing_key", "_" * 42 + "8"), "signing_key"),
    "one key for two purposes": (
        PARTNER_CARD,
        lambda body: body.update(witness_key=body["signing_key"]),
        None,
    ),
    "sealing key of another length": (MATCH_REQUEST, setting("ephemeral_key", SEALING_KEY[:-4]), "ephemeral_key"),
    "sealed secret with spare bits": (ACCEPTANCE, setting("sealed_secret", "AB"), "sealed_secret"),
    "sealed secret too long": (ACCEPTANCE, setting("sealed_secret", "A" * 4096), "sealed_secret"),
    "name with a control character": (PARTNER_CARD, setting("name", "First\u0007Bank"), "name"),
    "name with a direction override": (PARTNER_CARD, setting("name", "First\u202eknaB"), "name"),
    "name too long": (PARTNER_CARD, setting("name", "n" * 101), "name"),
    "empty name": (PARTNER_CARD, setting("name", ""), "name"),
    "count that is no bucket": (MATCH_REQUEST, setting("padded_count", 100), "padded_count"),
    "count below the smallest bucket": (MATCH_REQUEST, setting("padded_count", 32), "padded_count"),
    "count beyond the limit": (MATCH_REQUEST, setting("padded_count", 2**27), "padded_count"),
    "epoch zero": (DATASET_CARD, setting("epoch", 0), "epoch"),
    "parties in the wrong order": (AGREEMENT, lambda body: body["parties"].reverse(), None),
    "one party twice": (AGREEMENT, lambda body: body["parties"].__setitem__(1, body["parties"][0]), None),
    "three parties": (AGREEMENT, lambda body: body["parties"].append(body["parties"][0]), "parties"),
    "term of a third": (AGREEMENT, setting("terms.0.owner", "somebody"), None),
    "empty period": (AGREEMENT, setting("not_after", TIME), None),
    "request to itself": (MATCH_REQUEST, setting("responder", "first-bank"), None),
    "request expired before it began": (MATCH_REQUEST, setting("expires", TIME), None),
    "grant that starts too late": (GRANT, setting("start_before", TIME + 601), None),
    "grant that never starts": (GRANT, setting("start_before", TIME), None),
    "grant that finishes before it starts": (GRANT, setting("finish_before", TIME + 599), None),
    "partitions that are no power of two": (ACCEPTANCE, setting("partitions", 3), "partitions"),
    "no partition": (ACCEPTANCE, setting("partitions", 0), "partitions"),
    "too many partitions": (ACCEPTANCE, setting("partitions", 8192), "partitions"),
    "rounding to nothing": (GRANT, setting("obligations.round_to", 0), "obligations.round_to"),
    "rounding too coarsely": (GRANT, setting("obligations.round_to", 1001), "obligations.round_to"),
    "peak rate of a single agreement": (AGREEMENT, setting("caps.per_minute", 10), None),
    "standing agreement without a peak rate": (AGREEMENT, setting("class", "standing"), None),
    "result to the owner, undecided": (MATCH_REQUEST, setting("result_to", "owner"), None),
    "result to both, undecided": (MATCH_REQUEST, setting("result_to", "both"), None),
    "result to the requester, decided": (SILENT_REQUEST, setting("result_to", "requester"), None),
    "cardinality to the owner": (SILENT_REQUEST, setting("mode", "cardinality"), None),
    "card without engines": (DATASET_CARD, setting("engines", []), "engines"),
    "short OPRF key": (ONLINE_CARD, setting("online.oprf_key", "A" * 42), "online.oprf_key"),
    "OPRF key with spare bits": (ONLINE_CARD, setting("online.oprf_key", "A" * 42 + "B"), "online.oprf_key"),
    "rotation to the same card": (KEY_ROTATION, lambda body: body.update(card=body["replaces"]), None),
    "revocation without a subject": (REVOCATION, setting("subject", {}), "subject"),
    "revocation of more than its subject": (REVOCATION, setting("subject.match", "ab" * 16), "subject.dataset"),
    "disclosure to itself": (DISCLOSURE, setting("recipient", "safe-harbour"), None),
    "disclosure of nothing": (DISCLOSURE, setting("items", []), "items"),
    "disclosure of too much": (DISCLOSURE, lambda body: body.update(items=body["items"] * 17), "items"),
    "a field disclosed twice": (DISCLOSURE, lambda body: body.update(items=body["items"][:1] * 2), None),
    "a value in plain text": (DISCLOSURE, setting("items.0.sealed", MARKER + "!"), "items.0.sealed"),
    "a value too long": (DISCLOSURE, setting("items.0.sealed", "A" * 4100), "items.0.sealed"),
    "disclosure that expired before": (DISCLOSURE, lambda body: body.update(expires=body["issued"]), None),
    "referral to itself": (REFERRAL, setting("recipient", "first-bank"), None),
    "referral by one person": (REFERRAL, setting("approved_by", ["officer-1"]), "approved_by.1"),
    "referral by one person twice": (REFERRAL, setting("approved_by", ["officer-1"] * 2), "approved_by"),
    "retraction of a hit by digest": (RETRACTION, setting("subject.type", "hit"), "subject.hit.match"),
    "verdict on an identifier": (VERDICT, setting("hit", "+441632960000"), "hit"),
    "verdict without a reason": (VERDICT, setting("reason", ""), "reason"),
    "erasure by one side": (ERASURE, setting("regulator", "safe-harbour"), None),
    "reasons missing": (STATEMENTS["denial"], setting("reasons", []), "reasons"),
    "too many reasons": (
        STATEMENTS["denial"],
        lambda body: body.update(reasons=body["reasons"] * 17),
        "reasons",
    ),
    "reason too long": (STATEMENTS["denial"], setting("reasons.0.message", "m" * 301), "reasons.0.message"),
    "receipt to the second": (RECEIPT, setting("ended", TIME + 61), "ended"),
    "receipt that ends before it starts": (RECEIPT, setting("ended", TIME - 60), None),
    "completed without opening": (RECEIPT, setting("open", None), None),
    "completed with a step": (RECEIPT, setting("step", "matching"), None),
    "aborted without a step": (RECEIPT, setting("status", "aborted"), None),
    "charged more than two runs can be": (RECEIPT, setting("elements_charged", 2**27 + 1), "elements_charged"),
    "negative frames": (RECEIPT, setting("frames.requester", -1), "frames.requester"),
}


@pytest.mark.parametrize(("statement", "edit", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_signed_statement_is_refused_by_field(statement: Statement, edit: Edit, field: str | None) -> None:
    payload = edited(statement, edit)
    assert payload != payload_of(statement)
    with pytest.raises(MalformedMessage) as raised:
        read(statement, payload)
    assert raised.value.field == field
    assert MARKER not in str(raised.value)
    assert not isinstance(raised.value, UnsupportedVersion)


def _spaced(payload: bytes) -> bytes:
    return payload.replace(b'":', b'": ', 1)


def _reordered(payload: bytes) -> bytes:
    body = json.loads(payload)
    return json.dumps(dict(reversed(body.items())), separators=(",", ":")).encode()


def _escaped(payload: bytes) -> bytes:
    return payload.replace(b'"issued"', b'"i\\u0073sued"', 1)


def _duplicate(payload: bytes) -> bytes:
    return payload.replace(b'"issued":', b'"issued":1,"issued":', 1)


def _as_float(payload: bytes) -> bytes:
    return payload.replace(b'"v":1', b'"v":1.0', 1)


def _with_exponent(payload: bytes) -> bytes:
    return payload.replace(b'"issued":1800000000', b'"issued":18e8', 1)


def _byte_order_mark(payload: bytes) -> bytes:
    return b"\xef\xbb\xbf" + payload


def _trailing(payload: bytes) -> bytes:
    return payload + b"\n"


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "white space": _spaced,
    "another order of keys": _reordered,
    "an escaped name": _escaped,
    "a duplicate key": _duplicate,
    "an integer as float": _as_float,
    "an integer with exponent": _with_exponent,
    "a byte order mark": _byte_order_mark,
    "a trailing newline": _trailing,
    "a list": lambda _payload: b"[]",
    "nothing": lambda _payload: b"",
    "no JSON": lambda _payload: b"promise",
    "invalid UTF-8": lambda payload: payload[:-1] + b"\xff}",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_only_the_canonical_form_is_a_statement(form: Callable[[bytes], bytes]) -> None:
    payload = form(payload_of(GRANT))
    assert payload != payload_of(GRANT)
    with pytest.raises(MalformedMessage):
        read(GRANT, payload)


def test_an_envelope_has_a_limit() -> None:
    body = edited(PARTNER_CARD, setting("contact", "x" * MAX_ENVELOPE_BYTES))
    with pytest.raises(LimitExceeded):
        read(PARTNER_CARD, body)


@pytest.mark.parametrize("envelope", ["", "{}", "[]", "null", "\u00e9", '{"payload":""}'])
def test_what_is_no_envelope(envelope: str) -> None:
    with pytest.raises(MalformedMessage):
        verify_statement(type(GRANT), envelope, KEY.verify_key)
    with pytest.raises(MalformedMessage):
        unverified(type(GRANT), envelope)


def test_reading_unverified_checks_the_type() -> None:
    with pytest.raises(MalformedMessage) as raised:
        unverified(type(ACCEPTANCE), signed(GRANT, payload_of(GRANT)))
    assert raised.value.field == "payloadType"


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside a JSON document."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for step, inner in items:
        yield (*path, step)
        yield from places(inner, (*path, step))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_stands_anywhere_is_refused_or_kept_to_the_byte(data: st.DataObject) -> None:
    statement = data.draw(st.sampled_from(list(STATEMENTS.values())))
    body = json.loads(payload_of(statement))
    path = data.draw(st.sampled_from(list(places(body))))
    setting(".".join(map(str, path)), data.draw(ANYTHING))(body)
    payload = canonical_json(body)
    try:
        accepted = read(statement, payload)
    except ProtocolError:
        return
    assert payload_of(accepted) == payload


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_no_message_repeats_a_value(statement: Statement) -> None:
    for path in places(json.loads(payload_of(statement))):
        where = ".".join(map(str, path))
        for value in (MARKER + "\n", [MARKER + "\n"], {MARKER: MARKER}):
            with pytest.raises(MalformedMessage) as raised:
                read(statement, edited(statement, setting(where, value)))
            shown = "".join(traceback.format_exception(raised.value))  # with causes, as a log would show it
            assert MARKER not in shown
