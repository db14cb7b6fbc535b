"""Signed requests for the tests of the HTTP signature profile: honest ones, and such as a hostile partner can sign."""

from collections.abc import Callable, Iterable
from typing import Any

from http_sf.compat import Item

from tacita_protocol.crypto import httpsig_fields
from tacita_protocol.crypto.encoding import b64
from tacita_protocol.crypto.httpsig import RequestParts, content_digest, sign_request
from tacita_protocol.crypto.keys import SigningKey

Headers = dict[str, str]

NOW = 1_700_000_000
NONCE = "0123456789abcdef0123456789abcdef"
KEY, OTHER, BROKER = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))
PARTS = RequestParts("POST", "broker.example:8443", "/v1/matches", "a=b&c=%20", "application/json", b'{"v":1}')
HEADERS = sign_request(PARTS, KEY, keyid="north-bank", now=NOW, nonce=NONCE)
COMPONENTS = ("@method", "@authority", "@path", "@query", "content-digest", "content-type")


def params_of(keyid: str, now: int, nonce: str, /, **changes: Any) -> dict[str, Any]:
    """The parameters of the profile in their order; None drops one, another name adds one."""
    params: dict[str, Any] = {
        "created": now,
        "expires": now + 60,
        "nonce": nonce,
        "keyid": keyid,
        "alg": "ed25519",
        "tag": "tacita-request-v1",
    }
    return {name: value for name, value in {**params, **changes}.items() if value is not None}


def crafted(
    parts: RequestParts,
    sign: Callable[[bytes], bytes],
    params: dict[str, Any],
    *,
    components: Iterable[str] = COMPONENTS,
    label: str = "tacita",
) -> Headers:
    """What a partner with a valid key may send: a good signature over other components or parameters."""
    headers = {"content-digest": content_digest(parts.body), "date": "x"}
    if parts.content_type is not None:
        headers["content-type"] = parts.content_type
    url = f"https://{parts.authority}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    message = httpsig_fields.RequestMessage(parts.method, url, headers)
    base = httpsig_fields._Library().base(message, [Item(name) for name in components], params)
    return {
        "content-digest": headers["content-digest"],
        "signature-input": base.signature_input.replace("tacita=", f"{label}=", 1),
        "signature": f"{label}=:{b64(sign(base.text))}:",
    }
