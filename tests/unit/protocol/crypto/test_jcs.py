import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacita_protocol.crypto.jcs import JSONValue, canonical_json, parse_json
from tacita_protocol.errors import LimitExceeded, MalformedMessage, ProtocolError

# RFC 8785 section 3.2.2
RFC_INPUT = rb"""{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}"""
RFC_OUTPUT = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
).encode()

# RFC 8785 appendix B
NUMBERS = {
    "0000000000000000": b"0",
    "8000000000000000": b"0",
    "0000000000000001": b"5e-324",
    "8000000000000001": b"-5e-324",
    "7fefffffffffffff": b"1.7976931348623157e+308",
    "4340000000000000": b"9007199254740992",
    "4430000000000000": b"295147905179352830000",
    "44b52d02c7e14af5": b"9.999999999999997e+22",
    "44b52d02c7e14af6": b"1e+23",
    "44b52d02c7e14af7": b"1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": b"999999999999999700000",
    "444b1ae4d6e2ef4f": b"999999999999999900000",
    "444b1ae4d6e2ef50": b"1e+21",
    "3eb0c6f7a0b5ed8c": b"9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": b"0.000001",
    "41b3de4355555553": b"333333333.3333332",
    "41b3de4355555554": b"333333333.33333325",
    "41b3de4355555555": b"333333333.3333333",
    "41b3de4355555556": b"333333333.3333334",
    "41b3de4355555557": b"333333333.33333343",
    "becbf647612f3696": b"-0.0000033333333333333333",
    "43143ff3c1cb0959": b"1424953923781206.2",
}


def test_rfc8785_example() -> None:
    assert canonical_json(parse_json(RFC_INPUT)) == RFC_OUTPUT


def test_rfc8785_sorting() -> None:
    # Section 3.2.3: by UTF-16 code units, so the emoji (a surrogate pair) comes before U+FB33.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    parsed = parse_json(canonical_json(dict.fromkeys(keys)))
    assert isinstance(parsed, dict)
    assert list(parsed) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_rfc8785_numbers(bits: str, text: bytes) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_canonical_form_is_a_fixed_point(value: JSONValue) -> None:
    canonical = canonical_json(value)
    assert parse_json(canonical) == value
    assert canonical_json(parse_json(canonical)) == canonical


@given(st.binary(max_size=40) | st.text('[]{}:,"\\u0019dDeE+-.tfn\x00\u00e9', max_size=40).map(str.encode))
def test_any_bytes_parse_or_are_refused_with_an_error_of_ours(data: bytes) -> None:
    try:
        value = parse_json(data)
    except ProtocolError:
        return
    canonical_json(value)


MALFORMED = {
    "empty": b"",
    "white space": b"  ",
    "duplicate key": b'{"a":1,"a":1}',
    "duplicate key in disguise": rb'{"a":1,"\u0061":1}',
    "duplicate key deep inside": b'[{"x":[{"b":1,"b":2}]}]',
    "2**53": b"9007199254740992",
    "-2**53": b"-9007199254740992",
    "integer of 5000 digits": b"9" * 5000,
    "leading zero": b"01",
    "plus": b"+1",
    "hexadecimal": b"0x10",
    "digits of another script": "\u0661".encode(),
    "NaN": b"NaN",
    "Infinity": b"[-Infinity]",
    "overflow to infinity": b"1e999",
    "comment": b"1 // one",
    "trailing comma": b"[1,]",
    "single quotes": b"'a'",
    "second document": b"{} {}",
    "control character in a string": b'"\n"',
    "NUL": b"1\0",
    "byte order mark": b"\xef\xbb\xbf1",
    "UTF-16": "[1]".encode("utf-16"),
    "overlong UTF-8": b'"\xc0\xaf"',
    "encoded surrogate": b'"\xed\xa0\x80"',
    "escaped lone high surrogate": rb'"\ud800"',
    "escaped lone low surrogate in a key": rb'{"\udc00":1}',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "unterminated": b'{"a":"b',
    "lone backslash at the end": b'"\\',
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_json(data)


TOO_MUCH = {
    "33 deep": b"[" * 33 + b"]" * 33,
    "deep enough to end the interpreter": b"[" * 1_000_000,
    "deep objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "one byte too large": b'"' + b"a" * ((1 << 20) - 1) + b'"',
}


@pytest.mark.parametrize("data", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_limits(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        parse_json(data)


def test_limits_allow_what_they_say() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32) is not None
    assert parse_json(b"7", max_depth=0) == 7
    with pytest.raises(LimitExceeded):
        parse_json(b"[]", max_depth=0)
    assert parse_json(b'"' + b"a" * ((1 << 20) - 2) + b'"') == "a" * ((1 << 20) - 2)


@pytest.mark.timeout(60)  # it takes milliseconds; what is quadratic takes minutes
@pytest.mark.parametrize("tail", [b"", b"\\", b'"'])
def test_depth_is_found_in_linear_time(tail: bytes) -> None:
    with pytest.raises((MalformedMessage, LimitExceeded)):
        parse_json(b'["' + b"[" * 40 + rb"\"" * 500_000 + tail)


def test_brackets_inside_strings_are_no_depth() -> None:
    assert parse_json(b'["' + b"[{" * 100 + rb"\"[" + b'"]') == ["[{" * 100 + '"[']


UNREPRESENTABLE: dict[str, object] = {
    "2**53": 2**53,
    "-2**53": -(2**53),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "lone surrogate": "\ud800",
    "lone surrogate as key": {"\ud800": 1},
    "number as key": {1: 2},
    "bytes": b"raw",
    "set": {1},
}


@pytest.mark.parametrize("value", UNREPRESENTABLE.values(), ids=UNREPRESENTABLE.keys())
def test_what_json_cannot_say(value: object) -> None:
    with pytest.raises(MalformedMessage):
        canonical_json(value)  # type: ignore[arg-type]  # what a caller might pass all the same


def test_errors_show_nothing_of_the_data() -> None:
    for data in (b'{"+447700900123":1,"+447700900123":2}', b'["+447700900123",]', b"447700900123447700900123"):
        with pytest.raises(MalformedMessage) as caught:
            parse_json(data)
        assert "447700900123" not in str(caught.value)
