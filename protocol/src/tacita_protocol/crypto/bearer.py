"""Short-lived bearer tokens for the hot paths (inbox, frames): a MAC under a key of the issuer, no state.

    token = base64url(JCS claims) "." base64url(HMAC-SHA256(key, "tacita/bearer/v1" 00 | JCS claims))

The claim `exp` (unix seconds) is the issuer's; everything else is the caller's to check. Whoever holds a token may use
it until then, so tokens travel inside TLS only, name their scope, and live for minutes.
"""

from collections.abc import Mapping

from tacita_protocol.crypto.digest import DIGEST_SIZE, constant_time_equal, hmac_sha256
from tacita_protocol.crypto.encoding import b64u, from_b64u
from tacita_protocol.crypto.jcs import JSONValue, canonical_json, parse_json
from tacita_protocol.errors import MalformedMessage, SignatureInvalid

MAX_TOKEN_CHARACTERS = 2048
"""Characters of one bearer token."""

BEARER_KEY_SIZE = 32

_DOMAIN = b"tacita/bearer/v1\0"


def issue_token(key: bytes, claims: Mapping[str, JSONValue], *, expires: int) -> str:
    """A token with these claims and `exp`, valid while `now` < `expires` (unix seconds).

    Raises:
        ValueError: `claims` name `exp`, or the token would be too long.
    """
    _check_key(key)
    if "exp" in claims:
        raise ValueError("the claim exp is set by this function")
    payload = canonical_json({**claims, "exp": expires})
    token = f"{b64u(payload)}.{b64u(hmac_sha256(key, _DOMAIN + payload))}"
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise ValueError(f"a token has at most {MAX_TOKEN_CHARACTERS} characters")
    return token


def check_token(key: bytes, token: str, *, now: int) -> dict[str, JSONValue]:
    """The claims of a token that was issued under this key and has not expired (with `exp`).

    Raises:
        SignatureInvalid: anything else; `reason` is `malformed`, `signature` or `expired`.
    """
    _check_key(key)
    try:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise MalformedMessage("too long")
        payload_text, _, mac_text = token.partition(".")
        payload, mac = from_b64u(payload_text), from_b64u(mac_text, length=DIGEST_SIZE)
    except MalformedMessage:
        raise SignatureInvalid("not a bearer token", reason="malformed") from None
    # Nothing is parsed before the MAC holds.
    if not constant_time_equal(mac, hmac_sha256(key, _DOMAIN + payload)):
        raise SignatureInvalid("the bearer token was not issued here")
    claims = parse_json(payload)
    if not isinstance(claims, dict) or type(claims.get("exp")) is not int:
        raise SignatureInvalid("not a bearer token", reason="malformed")
    if now >= claims["exp"]:
        raise SignatureInvalid("the bearer token has expired", reason="expired")
    return claims


def _check_key(key: bytes) -> None:
    if len(key) != BEARER_KEY_SIZE:
        raise ValueError(f"a bearer key has {BEARER_KEY_SIZE} bytes")
