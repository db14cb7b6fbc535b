import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.encoding import b64, b64u, from_b64, from_b64u, from_hex
from tacita_protocol.errors import MalformedMessage


@given(st.binary())
def test_round_trip(data: bytes) -> None:
    assert from_b64u(b64u(data)) == data
    assert from_b64(b64(data)) == data
    assert from_hex(data.hex(), length=len(data)) == data


@given(st.text("ABZabz019-_+/=\n ", max_size=12))
def test_a_value_has_one_text(text: str) -> None:
    for decode, encode in ((from_b64u, b64u), (from_b64, b64)):
        try:
            data = decode(text)
        except MalformedMessage:
            continue
        assert encode(data) == text


BAD_B64U = {
    "padding": "QQ==",
    "spare bits": "QR",
    "standard alphabet": "+/+/",
    "one character too many": "QUJDR",
    "white space": "QUJD ",
    "line end": "QUJD\n",
    "not ASCII": "QUJ\u00c4",
    "fullwidth": "\uff21\uff21\uff21\uff21",
    "lone surrogate": "QUJ\ud800",
}


@pytest.mark.parametrize("text", BAD_B64U.values(), ids=BAD_B64U.keys())
def test_base64url_refuses(text: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        from_b64u(text, field="keys.signing")
    assert caught.value.field == "keys.signing"


BAD_B64 = {
    "no padding": "QQ",
    "half the padding": "QQ=",
    "spare bits": "QR==",
    "padding inside": "QQ==QUJD",
    "padding after whole groups": "QUJD==",
    "URL alphabet": "-_-_",
    "line end": "QUJD\n",
    "only padding": "==",
}


@pytest.mark.parametrize("text", BAD_B64.values(), ids=BAD_B64.keys())
def test_base64_refuses(text: str) -> None:
    with pytest.raises(MalformedMessage):
        from_b64(text)


@pytest.mark.parametrize("text", ["AB", "0", "0 ", "0g", "00\n", "000000", "\u0661\u0661"])
def test_hex_refuses(text: str) -> None:
    with pytest.raises(MalformedMessage):
        from_hex(text, length=1)


def test_length_is_exact() -> None:
    with pytest.raises(MalformedMessage, match="not 4 bytes"):
        from_b64u(b64u(b"12345"), length=4)


@pytest.mark.parametrize("value", [None, 7, b"QUJD", ["QUJD"]])
def test_other_types_of_json_are_refused(value: object) -> None:
    for decode in (from_b64u, from_b64):
        with pytest.raises(MalformedMessage):
            decode(value)  # type: ignore[arg-type]  # what a careless parser would pass
    with pytest.raises(MalformedMessage):
        from_hex(value, length=2)  # type: ignore[arg-type]  # as above
