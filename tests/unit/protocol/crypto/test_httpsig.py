import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.encoding import b64
from tacita_protocol.crypto.httpsig import (
    MAX_SIGNATURE_HEADER,
    MAX_VALIDITY,
    RequestParts,
    VerifiedRequest,
    content_digest,
    sign_request,
    verify_request,
)
from tacita_protocol.errors import SignatureInvalid
from tests.support import signed_request
from tests.support.signed_request import COMPONENTS, HEADERS, KEY, NONCE, NOW, OTHER, PARTS, Headers

KEYS = {"north-bank": KEY.verify_key, "south-ngo": OTHER.verify_key}


def check(parts: RequestParts, headers: Headers, now: int = NOW) -> VerifiedRequest:
    return verify_request(parts, headers, resolve=KEYS.__getitem__, now=now)


def reason(parts: RequestParts, headers: Headers, now: int = NOW) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        check(parts, headers, now)
    return caught.value.reason


def without(name: str) -> Headers:
    return {key: value for key, value in HEADERS.items() if key != name}


def crafted(
    components: list[str] | None = None, drop: str | None = None, label: str = "tacita", **params: Any
) -> Headers:
    """As `signed_request.crafted`, of the one request that these tests are about."""
    changes = {**params, **({} if drop is None else {drop: None})}
    return signed_request.crafted(
        PARTS,
        KEY.sign,
        signed_request.params_of("north-bank", NOW, NONCE, **changes),
        components=COMPONENTS if components is None else components,
        label=label,
    )


def reordered(*names: str) -> Headers:
    headers = crafted()
    fields = headers["signature-input"].split(";")
    by_name = {field.partition("=")[0]: field for field in fields[1:]}
    text = ";".join([fields[0], *(by_name[name] for name in names)])
    base = (
        '"@method": POST\n"@authority": broker.example:8443\n"@path": /v1/matches\n"@query": ?a=b&c=%20\n'
        f'"content-digest": {content_digest(PARTS.body)}\n"content-type": application/json\n'
        f'"@signature-params": {text.removeprefix("tacita=")}'
    )
    return {**headers, "signature-input": text, "signature": f"tacita=:{b64(KEY.sign(base.encode()))}:"}


def test_the_fields_are_the_documented_ones() -> None:
    expected = {
        "content-digest": f"sha-256=:{base64.b64encode(hashlib.sha256(PARTS.body).digest()).decode()}:",
        "signature-input": (
            'tacita=("@method" "@authority" "@path" "@query" "content-digest" "content-type")'
            f';created={NOW};expires={NOW + 60};nonce="{NONCE}";keyid="north-bank"'
            ';alg="ed25519";tag="tacita-request-v1"'
        ),
        "signature": HEADERS["signature"],
    }
    assert expected == HEADERS
    assert crafted() == HEADERS


def test_a_good_request() -> None:
    assert check(PARTS, HEADERS) == VerifiedRequest("north-bank", NONCE, NOW, NOW + 60, HEADERS["signature"])


@pytest.mark.parametrize("content_type", [None, "text/csv"])
@pytest.mark.parametrize("query", ["", "after=1&wait=25"])
@pytest.mark.parametrize("authority", ["localhost", "127.0.0.1:8443", "[::1]:80", "Broker.Example:443"])
def test_requests_of_all_shapes(content_type: str | None, query: str, authority: str) -> None:
    parts = RequestParts("GET", authority, "/v1/inbox", query, content_type, b"")
    headers = sign_request(parts, KEY, keyid="north-bank", now=NOW)
    assert check(parts, headers).keyid == "north-bank"


def test_every_signature_has_its_own_nonce() -> None:
    nonces = {check(PARTS, sign_request(PARTS, KEY, keyid="north-bank", now=NOW)).nonce for _ in range(10)}
    assert len(nonces) == 10


CHANGED_REQUESTS = {
    "method": (replace(PARTS, method="PUT"), "signature"),
    "authority": (replace(PARTS, authority="other.example:8443"), "signature"),
    "port": (replace(PARTS, authority="broker.example"), "signature"),
    "path": (replace(PARTS, path="/v1/matches/1"), "signature"),
    "percent-encoded path": (replace(PARTS, path="/v1/%6Datches"), "signature"),
    "query": (replace(PARTS, query="a=c&c=%20"), "signature"),
    "query dropped": (replace(PARTS, query=""), "signature"),
    "body": (replace(PARTS, body=b'{"v":2}'), "content-digest"),
    "content type": (replace(PARTS, content_type="text/csv"), "signature"),
    "content type dropped": (replace(PARTS, content_type=None), "components"),
    "user information": (replace(PARTS, authority="evil@broker.example:8443"), "target"),
    "path with a query": (replace(PARTS, path="/v1/matches?a=b&c=%20", query=""), "target"),
    "path with a fragment": (replace(PARTS, path="/v1/matches#x"), "target"),
    "query with a fragment": (replace(PARTS, query="a=b&c=%20#x"), "target"),
    "path of another authority": (replace(PARTS, authority="broker.example", path=":8443/v1/matches"), "target"),
    "line end in the path": (replace(PARTS, path="/v1/matches\n"), "target"),
    "not ASCII": (replace(PARTS, path="/v1/m\u00e4tches"), "target"),
    "lone surrogate": (replace(PARTS, query="\ud800"), "target"),
    "lower-case method": (replace(PARTS, method="post"), "target"),
    "control character in the content type": (replace(PARTS, content_type="a\x00b"), "target"),
    "content type with spaces around": (replace(PARTS, content_type=" application/json "), "target"),
    "folded content type": (replace(PARTS, content_type="application/json\r\n "), "target"),
    "empty content type": (replace(PARTS, content_type=""), "target"),
    "long content type": (replace(PARTS, content_type="a" * 300), "target"),
}


@pytest.mark.parametrize(("parts", "expected"), CHANGED_REQUESTS.values(), ids=CHANGED_REQUESTS.keys())
def test_a_signature_is_for_one_request(parts: RequestParts, expected: str) -> None:
    assert reason(parts, HEADERS) == expected


SIGNATURE = HEADERS["signature"].removeprefix("tacita=:").removesuffix(":")
RAW = base64.b64decode(SIGNATURE)
ORDER = 2**252 + 27742317777372353535851937790883648493
PLUS_ORDER = RAW[:32] + (int.from_bytes(RAW[32:], "little") + ORDER).to_bytes(32, "little")
SPARE = SIGNATURE[:-3] + chr(ord(SIGNATURE[-3]) + 1) + "=="  # the last of "A", "Q", "g", "w": one more sets a spare bit
TEN_YEARS = 10 * 365 * 24 * 3600
OTHER_BODY = b'{"v":2}'

HOSTILE: dict[str, tuple[Headers, str]] = {
    "not signed": ({}, "header"),
    "no signature": (without("signature"), "header"),
    "no signature input": (without("signature-input"), "header"),
    "no digest": (without("content-digest"), "content-digest"),
    # parameters, each signed by a valid key
    "no nonce": (crafted(drop="nonce"), "nonce"),
    "no expiry": (crafted(drop="expires"), "validity"),
    "no creation": (crafted(drop="created"), "validity"),
    "no algorithm": (crafted(drop="alg"), "alg"),
    "no tag": (crafted(drop="tag"), "tag"),
    "no key id": (crafted(drop="keyid"), "keyid"),
    "another algorithm": (crafted(alg="hmac-sha256"), "alg"),
    "another tag": (crafted(tag="tacita-request-v2"), "tag"),
    "tag of responses": (crafted(tag="tacita-response-v1"), "tag"),
    "expiry in ten years": (crafted(expires=NOW + TEN_YEARS), "validity"),
    "61 seconds": (crafted(expires=NOW + MAX_VALIDITY + 1), "validity"),
    "expires at once": (crafted(expires=NOW), "validity"),
    "expires before it is made": (crafted(expires=NOW - 1), "validity"),
    "made in the future": (crafted(created=NOW + 31, expires=NOW + 60), "future"),
    "expired": (crafted(created=NOW - 61, expires=NOW - 1), "expired"),
    "short nonce": (crafted(nonce="abc"), "nonce"),
    "long nonce": (crafted(nonce="a" * 65), "nonce"),
    "nonce with spaces": (crafted(nonce="a" * 16 + " "), "nonce"),
    "key id with odd characters": (crafted(keyid="north bank"), "keyid"),
    "long key id": (crafted(keyid="n" * 129), "keyid"),
    "unknown key id": (crafted(keyid="nobody"), "key"),
    "key id of another partner": (crafted(keyid="south-ngo"), "signature"),
    "unknown parameter": (crafted(extra=1), "parameters"),
    "other order of parameters": (reordered("expires", "created", "nonce", "keyid", "alg", "tag"), "parameters"),
    # components, each signed by a valid key
    "nothing covered": (crafted([]), "components"),
    "body not covered": (crafted([c for c in COMPONENTS if c != "content-digest"]), "components"),
    "query not covered": (crafted([c for c in COMPONENTS if c != "@query"]), "components"),
    "content type not covered": (crafted(list(COMPONENTS[:-1])), "components"),
    "more covered": (crafted([*COMPONENTS, "date"]), "components"),
    "other order of components": (crafted(list(COMPONENTS[::-1])), "components"),
    # spelling
    "two signatures with one tag": (
        {
            **HEADERS,
            "signature-input": HEADERS["signature-input"] + ", " + HEADERS["signature-input"].replace("tacita", "b", 1),
            "signature": HEADERS["signature"] + ", " + HEADERS["signature"].replace("tacita", "b", 1),
        },
        "label",
    ),
    "one label twice": ({**HEADERS, "signature": HEADERS["signature"] + ", " + HEADERS["signature"]}, "malformed"),
    "field joined with itself": (
        {**HEADERS, "signature-input": HEADERS["signature-input"] + ", " + HEADERS["signature-input"]},
        "malformed",
    ),
    "another label": (crafted(label="sig1"), "label"),
    "labels differ": ({**HEADERS, "signature": HEADERS["signature"].replace("tacita", "other")}, "label"),
    "white space": ({**HEADERS, "signature-input": HEADERS["signature-input"] + " "}, "components"),
    "two spaces": ({**HEADERS, "signature-input": HEADERS["signature-input"].replace(" ", "  ")}, "components"),
    "decimal time": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace(f"d={NOW}", f"d={NOW}.0")},
        ("validity"),
    ),
    "time as text": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace(f"d={NOW}", f'd="{NOW}"')},
        ("validity"),
    ),
    "time as boolean": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace(f"d={NOW}", "d")},
        "validity",
    ),
    "time as date": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace(f"d={NOW}", f"d=@{NOW}")},
        ("validity"),
    ),
    "leading zero in a time": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace(f"d={NOW}", f"d=0{NOW}")},
        "components",
    ),
    "sixteen digits": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace(f"{NOW}", "1" * 16)},
        ("malformed"),
    ),
    "parameter twice": (
        {**HEADERS, "signature-input": HEADERS["signature-input"] + ';keyid="north-bank"'},
        "components",
    ),
    "not a list": ({**HEADERS, "signature-input": "tacita=1"}, "malformed"),
    "component parameter": (
        {**HEADERS, "signature-input": HEADERS["signature-input"].replace('"@method"', '"@method";req')},
        "components",
    ),
    "not ASCII": ({**HEADERS, "signature-input": HEADERS["signature-input"] + "\u00e9"}, "malformed"),
    "lone surrogate": ({**HEADERS, "signature": "\ud800"}, "malformed"),
    "long signature input": ({**HEADERS, "signature-input": "a" * (MAX_SIGNATURE_HEADER + 1)}, "header"),
    "long signature": ({**HEADERS, "signature": "a" * (MAX_SIGNATURE_HEADER + 1)}, "header"),
    # the signature's bytes
    "63 bytes": ({**HEADERS, "signature": f"tacita=:{b64(RAW[:63])}:"}, "malformed"),
    "65 bytes": ({**HEADERS, "signature": f"tacita=:{b64(RAW + bytes(1))}:"}, "malformed"),
    "empty bytes": ({**HEADERS, "signature": "tacita=::"}, "malformed"),
    "spare bits": ({**HEADERS, "signature": f"tacita=:{SPARE}:"}, "malformed"),
    "no padding": ({**HEADERS, "signature": f"tacita=:{SIGNATURE.rstrip('=')}:"}, "malformed"),
    "signature with a parameter": ({**HEADERS, "signature": HEADERS["signature"] + ";a=1"}, "malformed"),
    "signature as text": ({**HEADERS, "signature": f'tacita="{SIGNATURE}"'}, "malformed"),
    "S plus the group order": ({**HEADERS, "signature": f"tacita=:{b64(PLUS_ORDER)}:"}, "signature"),
    # the body's digest
    "digest of another body": ({**HEADERS, "content-digest": content_digest(OTHER_BODY)}, "content-digest"),
    "two digests": ({**HEADERS, "content-digest": HEADERS["content-digest"] + ", sha-512=:AAAA:"}, "content-digest"),
    "another hash": (
        {**HEADERS, "content-digest": f"sha-512=:{b64(hashlib.sha512(PARTS.body).digest())}:"},
        "content-digest",
    ),
    "digest with a parameter": ({**HEADERS, "content-digest": HEADERS["content-digest"] + ";a"}, "content-digest"),
    # what the caller believes
    "content type elsewhere": ({**HEADERS, "content-type": "text/csv"}, "content-type"),
}


@pytest.mark.parametrize(("headers", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_signatures(headers: Headers, expected: str) -> None:
    assert reason(PARTS, headers) == expected


def test_body_and_digest_swapped_together() -> None:
    swapped = {**HEADERS, "content-digest": content_digest(OTHER_BODY)}
    assert reason(replace(PARTS, body=OTHER_BODY), swapped) == "signature"


def test_validity_has_exact_ends() -> None:
    check(PARTS, HEADERS, now=NOW + 60)
    assert reason(PARTS, HEADERS, now=NOW + 61) == "expired"
    check(PARTS, HEADERS, now=NOW - 30)
    assert reason(PARTS, HEADERS, now=NOW - 31) == "future"


@given(
    st.sampled_from(["signature-input", "signature", "content-digest"]),
    st.text(max_size=60) | st.text('tacita=("@method");:@?%*-.,0123456789 \\', max_size=60).map("tacita=".__add__),
)
def test_any_field_is_refused_with_an_error_of_ours(name: str, field: str) -> None:
    if field != HEADERS[name]:
        reason(PARTS, {**HEADERS, name: field})


@given(st.sampled_from(["signature-input", "signature"]), st.data())
def test_any_changed_character_is_noticed(name: str, data: st.DataObject) -> None:
    field = HEADERS[name]
    place = data.draw(st.integers(0, len(field) - 1))
    changed = field[:place] + data.draw(st.characters(max_codepoint=126)) + field[place + 1 :]
    if changed != field:
        reason(PARTS, {**HEADERS, name: changed})


def test_our_own_mistakes_are_programming_errors() -> None:
    with pytest.raises(ValueError, match="key id"):
        sign_request(PARTS, KEY, keyid="north bank", now=NOW)
    with pytest.raises(ValueError, match="nonce"):
        sign_request(PARTS, KEY, keyid="north-bank", now=NOW, nonce="short")
