from dataclasses import replace

import pytest

from tacita_protocol.crypto.httpsig import (
    RequestParts,
    content_digest,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.errors import SignatureInvalid
from tests.support.signed_request import BROKER, HEADERS, KEY, NOW, OTHER, PARTS, Headers

RESPONSE = sign_response(201, b"ok", request=PARTS, request_headers=HEADERS, key=BROKER, keyid="broker", now=NOW)


def response_reason(
    *,
    status: int = 201,
    body: bytes = b"ok",
    headers: Headers = RESPONSE,
    request: RequestParts = PARTS,
    request_headers: Headers = HEADERS,
    key: SigningKey = BROKER,
    keyid: str = "broker",
    now: int = NOW,
) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verify_response(
            status,
            body,
            headers,
            request=request,
            request_headers=request_headers,
            key=key.verify_key,
            keyid=keyid,
            now=now,
        )
    return caught.value.reason


def test_a_good_response() -> None:
    assert RESPONSE["signature-input"] == (
        'tacita=("@status" "content-digest" "@method";req "@path";req "@query";req "signature";req)'
        f';created={NOW};expires={NOW + 60};keyid="broker";alg="ed25519";tag="tacita-response-v1"'
    )
    verify_response(
        201,
        b"ok",
        RESPONSE,
        request=PARTS,
        request_headers=HEADERS,
        key=BROKER.verify_key,
        keyid="broker",
        now=NOW,
    )


def test_a_response_answers_one_request() -> None:
    again = sign_request(PARTS, KEY, keyid="north-bank", now=NOW)
    assert response_reason(request_headers=again) == "signature"
    assert response_reason(request=replace(PARTS, path="/v1/other")) == "signature"
    assert response_reason(request=replace(PARTS, method="PUT")) == "signature"
    assert response_reason(request=replace(PARTS, query="")) == "signature"
    assert response_reason(request_headers={}) == "header"


def test_a_response_has_one_status_body_and_signer() -> None:
    assert response_reason(status=200) == "signature"
    assert response_reason(body=b"no") == "content-digest"
    assert response_reason(body=b"no", headers={**RESPONSE, "content-digest": content_digest(b"no")}) == "signature"
    assert response_reason(key=OTHER) == "signature"
    assert response_reason(keyid="other-broker") == "keyid"
    assert response_reason(now=NOW + 61) == "expired"
    assert response_reason(headers={}) == "header"
    assert response_reason(headers={**HEADERS, "content-digest": content_digest(b"ok")}) == "tag"


def test_a_response_is_no_request() -> None:
    headers = {**RESPONSE, "content-digest": HEADERS["content-digest"]}
    with pytest.raises(SignatureInvalid) as caught:
        verify_request(PARTS, headers, resolve=lambda _: BROKER.verify_key, now=NOW)
    assert caught.value.reason == "tag"


def test_only_answers_to_signed_requests_are_signed() -> None:
    with pytest.raises(SignatureInvalid) as caught:
        sign_response(200, b"", request=PARTS, request_headers={}, key=BROKER, keyid="broker", now=NOW)
    assert caught.value.reason == "header"
