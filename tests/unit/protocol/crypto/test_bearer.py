import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.bearer import MAX_TOKEN_CHARACTERS, check_token, issue_token
from tacita_protocol.crypto.digest import hmac_sha256
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.errors import SignatureInvalid

KEY = bytes(range(32))
TOKEN = issue_token(KEY, {"partner": "north-bank", "scope": "inbox"}, expires=1_000)


def test_claims_come_back_until_expiry() -> None:
    assert check_token(KEY, TOKEN, now=999) == {"partner": "north-bank", "scope": "inbox", "exp": 1_000}
    with pytest.raises(SignatureInvalid) as caught:
        check_token(KEY, TOKEN, now=1_000)
    assert caught.value.reason == "expired"


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureInvalid) as caught:
        check_token(bytes(32), TOKEN, now=0)
    assert caught.value.reason == "signature"


PAYLOAD, MAC = TOKEN.split(".")
FORGED = {
    "empty": "",
    "no MAC": PAYLOAD,
    "empty MAC": PAYLOAD + ".",
    "truncated MAC": TOKEN[:-2],
    "padding": TOKEN + "=",
    "third part": TOKEN + ".",
    "line end": TOKEN + "\n",
    "claims swapped": b64u(b'{"exp":9000000000,"partner":"south-bank","scope":"inbox"}') + "." + MAC,
    "MAC without our prefix": b64u(b'{"exp":9000}') + "." + b64u(hmac_sha256(KEY, b'{"exp":9000}')),
    "too long": "A" * (MAX_TOKEN_CHARACTERS + 1),
    "not ASCII": TOKEN[:-1] + "\u00e9",
    "lone surrogate": TOKEN[:-1] + "\ud800",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_forged_tokens_are_refused(token: str) -> None:
    with pytest.raises(SignatureInvalid):
        check_token(KEY, token, now=0)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCxyz019-_."))
def test_any_changed_character_is_noticed(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    if changed != TOKEN:
        with pytest.raises(SignatureInvalid):
            check_token(KEY, changed, now=0)


def test_our_own_mistakes_are_programming_errors() -> None:
    with pytest.raises(ValueError, match="exp"):
        issue_token(KEY, {"exp": 9_000_000_000}, expires=1)
    with pytest.raises(ValueError, match="at most"):
        issue_token(KEY, {"x": "y" * MAX_TOKEN_CHARACTERS}, expires=1)
    with pytest.raises(ValueError, match="32 bytes"):
        issue_token(b"short", {}, expires=1)
