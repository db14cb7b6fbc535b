import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProtocolError, SignatureInvalid

TYPE = "application/vnd.tacita.grant.v1+json"
KEY, OTHER, STRANGER = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))
PAYLOAD = b'{"v":1}'
ENVELOPE = dsse.sign(TYPE, PAYLOAD, KEY)
BOTH = dsse.sign(TYPE, PAYLOAD, KEY, OTHER)


def test_pae_of_the_dsse_specification() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(max_size=200))
def test_round_trip(payload: bytes) -> None:
    assert dsse.verify(dsse.sign(TYPE, payload, KEY), TYPE, [KEY.verify_key]) == payload


def test_two_signers_in_any_order_give_the_same_bytes() -> None:
    assert dsse.sign(TYPE, PAYLOAD, OTHER, KEY) == BOTH
    assert dsse.add_signature(ENVELOPE, OTHER) == BOTH
    assert dsse.verify(BOTH, TYPE, [OTHER.verify_key, KEY.verify_key]) == PAYLOAD


def test_unverified_reading_is_for_routing() -> None:
    assert dsse.payload_type_of(ENVELOPE) == TYPE
    assert dsse.unverified_payload(ENVELOPE) == PAYLOAD


@pytest.mark.parametrize(
    ("envelope", "keys", "reason"),
    [
        (ENVELOPE, [OTHER], "signers"),
        (ENVELOPE, [KEY, OTHER], "signers"),
        (BOTH, [KEY], "signers"),
        (BOTH, [KEY, STRANGER], "signers"),
    ],
)
def test_exactly_the_demanded_signers(envelope: bytes, keys: list[SigningKey], reason: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        dsse.verify(envelope, TYPE, [key.verify_key for key in keys])
    assert caught.value.reason == reason


def test_a_statement_of_another_type_is_no_answer() -> None:
    with pytest.raises(SignatureInvalid) as caught:
        dsse.verify(ENVELOPE, "application/vnd.tacita.denial.v1+json", [KEY.verify_key])
    assert caught.value.reason == "type"


def forge(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(ENVELOPE)
    change(document)
    return canonical_json(document)


def test_a_key_id_is_no_authority() -> None:
    # The stranger signs and calls itself by the demanded key's id.
    forged = json.loads(dsse.sign(TYPE, PAYLOAD, STRANGER))
    forged["signatures"][0]["keyid"] = KEY.verify_key.keyid
    with pytest.raises(SignatureInvalid) as caught:
        dsse.verify(canonical_json(forged), TYPE, [KEY.verify_key])
    assert caught.value.reason == "signature"


def test_type_and_payload_are_signed() -> None:
    retyped = forge(lambda d: d.update(payloadType="application/vnd.tacita.denial.v1+json"))
    with pytest.raises(SignatureInvalid):
        dsse.verify(retyped, "application/vnd.tacita.denial.v1+json", [KEY.verify_key])
    swapped = forge(lambda d: d.update(payload=base64.b64encode(b'{"v":2}').decode()))
    with pytest.raises(SignatureInvalid):
        dsse.verify(swapped, TYPE, [KEY.verify_key])


def spare_bits(text: str) -> str:
    """The same bytes in another base64 text: the last character before the padding with spare bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    return body[:-1] + alphabet[alphabet.index(body[-1]) + 1] + text[len(body) :]


SECOND_FORMS = {
    "white space": ENVELOPE + b"\n",
    "spaces": ENVELOPE.replace(b",", b", "),
    "member order": json.dumps(
        {name: json.loads(ENVELOPE)[name] for name in ("signatures", "payload", "payloadType")}, separators=(",", ":")
    ).encode(),
    "escaped character": ENVELOPE.replace(b"vnd", rb"\u0076nd"),
    "unknown member": forge(lambda d: d.update(extra=1)),
    "unknown member of a signature": forge(lambda d: d["signatures"][0].update(cert="")),
    "duplicate member": ENVELOPE.replace(b'{"payload"', b'{"payload":"","payload"', 1),
    "signature order": canonical_json({**json.loads(BOTH), "signatures": json.loads(BOTH)["signatures"][::-1]}),
    "signature twice": forge(lambda d: d["signatures"].append(d["signatures"][0])),
    "no signature": forge(lambda d: d["signatures"].clear()),
    "nine signatures": forge(lambda d: d.update(signatures=d["signatures"] * 9)),
    "short signature": forge(lambda d: d["signatures"][0].update(sig="AAAA")),
    "spare bits in the signature": forge(
        lambda d: d["signatures"][0].update(sig=spare_bits(d["signatures"][0]["sig"]))
    ),
    "spare bits in the payload": forge(lambda d: d.update(payload=spare_bits(d["payload"]))),
    "URL-safe payload": forge(lambda d: d.update(payload="_-_-")),
    "empty type": forge(lambda d: d.update(payloadType="")),
    "long type": forge(lambda d: d.update(payloadType="a" * 129)),
    "number as key id": forge(lambda d: d["signatures"][0].update(keyid=1)),
    "signatures as object": forge(lambda d: d.update(signatures={})),
    "array": b"[]",
    "string": b'"envelope"',
    "empty": b"",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("envelope", SECOND_FORMS.values(), ids=SECOND_FORMS.keys())
def test_an_envelope_has_one_byte_form(envelope: bytes) -> None:
    for read in (dsse.payload_type_of, dsse.unverified_payload):
        with pytest.raises((MalformedMessage, LimitExceeded)):
            read(envelope)
    with pytest.raises((MalformedMessage, LimitExceeded)):
        dsse.verify(envelope, TYPE, [KEY.verify_key])


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place: int, change: int) -> None:
    changed = bytearray(ENVELOPE)
    changed[place] ^= change
    with pytest.raises(ProtocolError):
        dsse.verify(bytes(changed), TYPE, [KEY.verify_key])


def test_signing_twice_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="signed already"):
        dsse.add_signature(ENVELOPE, KEY)
    with pytest.raises(ValueError, match="twice"):
        dsse.sign(TYPE, PAYLOAD, KEY, KEY)


def test_verifying_with_no_key_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        dsse.verify(ENVELOPE, TYPE, [])
    with pytest.raises(ValueError, match="signature"):
        dsse.sign(TYPE, PAYLOAD)


def test_too_large() -> None:
    with pytest.raises(LimitExceeded):
        dsse.sign(TYPE, bytes(1 << 20), KEY)
