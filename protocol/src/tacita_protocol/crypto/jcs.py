"""JSON in and out: one strict parser before any model, one canonical writer (RFC 8785) for everything signed."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import rfc8785

from tacita_protocol.errors import LimitExceeded, MalformedMessage

JSONValue: TypeAlias = "bool | int | float | str | Sequence[JSONValue] | Mapping[str, JSONValue] | None"

MAX_JSON_BYTES = 1 << 20
"""Bytes of one JSON document."""

MAX_JSON_DEPTH = 32
"""Arrays and objects inside one another."""

MAX_INTEGER = 2**53 - 1
"""The largest absolute value of an integer (RFC 7493 section 2.2); larger ones travel as strings."""

# A whole string, or a bracket outside of strings. The string part matches from any quote to the end at worst, so an
# unterminated string costs linear time.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


def canonical_json(value: JSONValue) -> bytes:
    """The one canonical encoding of `value` (RFC 8785, JCS).

    Raises:
        MalformedMessage: an integer of 2**53 or more, a float that is not finite, a lone surrogate, or a type that JSON
            does not have.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        # The library's message shows the value; ours must not, and so the cause is not chained.
        raise MalformedMessage(f"not representable in JCS ({type(error).__name__})") from None


def parse_json(data: bytes, *, max_bytes: int = MAX_JSON_BYTES, max_depth: int = MAX_JSON_DEPTH) -> JSONValue:
    """Parse one JSON document as I-JSON (RFC 7493) and nothing more lenient.

    Refused: other encodings than UTF-8 without a byte order mark, duplicate keys, integers of 2**53 or more, NaN and
    infinities (also by overflow), lone surrogates, trailing data.

    Args:
        data: the document.
        max_bytes: the largest accepted size.
        max_depth: the deepest accepted nesting; a scalar has depth 0.

    Raises:
        LimitExceeded: too large or too deep.
        MalformedMessage: anything else.
    """
    if len(data) > max_bytes:
        raise LimitExceeded(f"a JSON document has at most {max_bytes} bytes here")
    _check_depth(data, max_depth)
    try:
        value: JSONValue = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_constant,
        )
        if b"\\u" in data:  # only an escape can smuggle half a surrogate pair past the decoder
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise MalformedMessage("JSON text is not valid Unicode") from None
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"not JSON at character {error.pos}") from None
    return value


def _check_depth(data: bytes, max_depth: int) -> None:
    """Before parsing, because the parser recurses."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        first = match[0][0]
        if first in b"[{":
            depth += 1
            if depth > max_depth:
                raise LimitExceeded(f"JSON nests at most {max_depth} deep here")
        elif first in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, JSONValue]]) -> dict[str, JSONValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedMessage("a JSON object has the same key twice")
    return value


def _integer(digits: str) -> int:
    if len(digits) > len(str(-MAX_INTEGER)) or abs(int(digits)) > MAX_INTEGER:
        raise MalformedMessage("a JSON integer is 2**53 or more")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MalformedMessage("a JSON number is too large")
    return value


def _constant(_name: str) -> float:
    raise MalformedMessage("NaN and Infinity are not JSON")
