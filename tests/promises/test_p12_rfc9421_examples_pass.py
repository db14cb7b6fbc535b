"""Promise 12: RFC 9421's own examples. Our signature base is the published one to the byte; its signature holds.

Our profile signs with Ed25519 alone, so for the other algorithms the test verifies with the library underneath: the
point is the base, which shows how components, `;req` and parameters are written. Transcribed from RFC 9421: keys from
appendix B.1, messages from appendix B.2 and section 2.4.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from http_sf.compat import Item

from tacita_protocol.crypto.encoding import from_b64u
from tacita_protocol.crypto.httpsig_fields import RequestMessage, ResponseMessage, SignatureBase, _component, _Library
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.errors import SignatureInvalid

Verify = Callable[[bytes, bytes], None]
"""Raises unless the signature holds over the text."""

ED25519 = VerifyKey.from_raw(from_b64u("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"))
ED25519_SECRET = SigningKey.from_seed(from_b64u("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU"))
P256 = ec.EllipticCurvePublicNumbers(
    int.from_bytes(from_b64u("qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA"), "big"),
    int.from_bytes(from_b64u("Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"), "big"),
    ec.SECP256R1(),
).public_key()
SHARED_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)

REQUEST_BODY = b'{"hello": "world"}'
RESPONSE_BODY = b'{"message": "good dog"}'
UNAVAILABLE_DIGEST = (
    "sha-512=:0Y6iCBzGg5rZtoXS95Ijz03mslf6KAMCloESHObfwnHJDbkkWWQz6PhhU9kxsTbARtY2PTBOzq24uJFpHsMuAg==:"
)


def sha512_digest(body: bytes) -> str:
    return f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:"


TEST_REQUEST = RequestMessage(
    "POST",
    "https://example.com/foo?param=Value&Pet=dog",
    {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": sha512_digest(REQUEST_BODY),
        "content-length": "18",
    },
)
TEST_RESPONSE = ResponseMessage(
    200,
    {
        "content-type": "application/json",
        "content-digest": sha512_digest(RESPONSE_BODY),
        "content-length": "23",
    },
    TEST_REQUEST,
)
TRANSFORMED = RequestMessage(
    "GET", "https://example.org/demo?name1=Value1&Name2=value2", {"accept": "application/json, */*"}
)
UNAVAILABLE = ResponseMessage(
    503, {"content-type": "application/json", "content-digest": UNAVAILABLE_DIGEST}, TEST_REQUEST
)


def by_ed25519(signature: bytes, text: bytes) -> None:
    ED25519.verify(signature, text)


def by_ecdsa_p256(signature: bytes, text: bytes) -> None:
    half = len(signature) // 2
    numbers = (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
    P256.verify(encode_dss_signature(*numbers), text, ec.ECDSA(SHA256()))


def by_hmac_sha256(signature: bytes, text: bytes) -> None:
    assert hmac.digest(SHARED_SECRET, text, "sha256") == signature


@dataclass(frozen=True)
class Example:
    """One example: what is covered, what the RFC says the base is, and its signature."""

    message: RequestMessage | ResponseMessage
    components: tuple[str, ...]
    created: int
    keyid: str
    lines: tuple[str, ...]
    """Of the signature base, without its last one."""
    signature: str
    verify: Verify

    def base(self) -> SignatureBase:
        items: list[Item] = [_component(name) for name in self.components]
        return _Library().base(self.message, items, {"created": self.created, "keyid": self.keyid})


EXAMPLES = {
    "B.2.4 a response, ecdsa-p256-sha256": Example(
        TEST_RESPONSE,
        ("@status", "content-type", "content-digest", "content-length"),
        1618884473,
        "test-key-ecc-p256",
        (
            '"@status": 200',
            '"content-type": application/json',
            '"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41Q'
            "JgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
            '"content-length": 23',
        ),
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
        by_ecdsa_p256,
    ),
    "B.2.5 a request, hmac-sha256": Example(
        TEST_REQUEST,
        ("date", "@authority", "content-type"),
        1618884473,
        "test-shared-secret",
        (
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@authority": example.com',
            '"content-type": application/json',
        ),
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
        by_hmac_sha256,
    ),
    "B.2.6 a request, ed25519": Example(
        TEST_REQUEST,
        ("date", "@method", "@path", "@authority", "content-type", "content-length"),
        1618884473,
        "test-key-ed25519",
        (
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@method": POST',
            '"@path": /foo',
            '"@authority": example.com',
            '"content-type": application/json',
            '"content-length": 18',
        ),
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
        by_ed25519,
    ),
    "B.4 a request to be transformed, ed25519": Example(
        TRANSFORMED,
        ("@method", "@path", "@authority", "accept"),
        1618884473,
        "test-key-ed25519",
        (
            '"@method": GET',
            '"@path": /demo',
            '"@authority": example.org',
            '"accept": application/json, */*',
        ),
        "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
        by_ed25519,
    ),
    "2.4 a response bound to its request, ecdsa-p256-sha256": Example(
        UNAVAILABLE,
        (
            "@status",
            "content-digest",
            "content-type",
            "@authority;req",
            "@method;req",
            "@path;req",
            "content-digest;req",
        ),
        1618884479,
        "test-key-ecc-p256",
        (
            '"@status": 503',
            f'"content-digest": {UNAVAILABLE_DIGEST}',
            '"content-type": application/json',
            '"@authority";req: example.com',
            '"@method";req: POST',
            '"@path";req: /foo',
            '"content-digest";req: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2s'
            "vX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        "dMT/A/76ehrdBTD/2Xx8QuKV6FoyzEP/I9hdzKN8LQJLNgzU4W767HK05rx1i8meNQQgQPgQp8wq2ive3tV5Ag==",
        by_ecdsa_p256,
    ),
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_base_is_the_published_one_and_its_signature_holds(example: Example) -> None:
    base = example.base()
    parameters = base.signature_input.removeprefix("tacita=")
    assert parameters.endswith(f';created={example.created};keyid="{example.keyid}"')
    assert base.text.decode("ascii").split("\n") == [*example.lines, f'"@signature-params": {parameters}']
    example.verify(base64.b64decode(example.signature), base.text)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.endswith("ed25519")])
def test_our_key_makes_the_published_signature(name: str) -> None:
    example = EXAMPLES[name]
    assert example.base().sign(ED25519_SECRET)["signature"] == f"tacita=:{example.signature}:"


INVALID_TRANSFORMATIONS = {
    "method and authority changed": replace(TRANSFORMED, method="POST", url="https://example.com/demo"),
    "the order of a field's values changed": replace(TRANSFORMED, headers={"accept": "*/*, application/json"}),
}


@pytest.mark.parametrize("message", INVALID_TRANSFORMATIONS.values(), ids=INVALID_TRANSFORMATIONS.keys())
def test_b_4_transformations_that_break_the_signature(message: RequestMessage) -> None:
    example = EXAMPLES["B.4 a request to be transformed, ed25519"]
    with pytest.raises(SignatureInvalid):
        example.verify(base64.b64decode(example.signature), replace(example, message=message).base().text)
