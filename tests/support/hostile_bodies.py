"""Bodies and names that nobody sends by accident, for every place of broker and node that takes one."""

CANARY = "+447911123456"
"""Stands in many of these bodies: no answer may repeat it."""

_DEEP = 20_000

JSON_BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "not JSON": CANARY.encode() + b"}",
    "cut off": b'{"' + CANARY.encode(),
    "another type": b"[]",
    "a bare string": b'"' + CANARY.encode() + b'"',
    "null": b"null",
    "not UTF-8": b'{"\xff\xfe":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "two documents": b"{}{}",
    "a comment": b"{} // " + CANARY.encode(),
    "single quotes": b"{'a':1}",
    "a trailing comma": b'{"a":1,}',
    "deep arrays": b"[" * _DEEP + b"]" * _DEEP,
    "deep objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "deep, never closed": b"[" * _DEEP,
    "thirty-three levels": b"[" * 33 + b"]" * 33,
    "NaN": b'{"envelope":NaN}',
    "Infinity": b'{"envelope":Infinity}',
    "minus infinity": b'{"envelope":-Infinity}',
    "a number that overflows": b'{"envelope":1e999}',
    "an integer of 10^4 digits": b'{"envelope":' + b"9" * 10_000 + b"}",
    "a negative integer of 10^4 digits": b'{"envelope":-' + b"9" * 10_000 + b"}",
    "a fraction of 10^4 digits": b'{"envelope":0.' + b"9" * 10_000 + b"}",
    "an exponent of 10^4 digits": b'{"envelope":1e' + b"9" * 10_000 + b"}",
    "an integer over 2^53": b'{"envelope":9007199254740993}',
    "a duplicate key": b'{"envelope":"x","envelope":"x"}',
    "a duplicate key, spelt otherwise": b'{"envelope":"x","\\u0065nvelope":"x"}',
    "a duplicate key inside": b'{"envelope":{"a":1,"a":2}}',
    "a lone surrogate, escaped": b'{"envelope":"\\ud800"}',
    "a lone surrogate, encoded": b'{"envelope":"\xed\xa0\x80"}',
    "a surrogate pair in the wrong order": b'{"envelope":"\\udc00\\ud800"}',
    "NUL in a string": b'{"envelope":"a\\u0000b"}',
    "a raw NUL": b'{"envelope":"a\x00b"}',
    "NUL in a key": b'{"envelope\\u0000":"x"}',
    "an unknown field": b'{"envelope":"x","' + CANARY.encode() + b'":"' + CANARY.encode() + b'"}',
    "a field is missing": b"{}",
    "__proto__": b'{"__proto__":{"envelope":"x"}}',
}

FORMS: dict[str, str] = {
    "multipart": "multipart/form-data; boundary=x",
    "a web form": "application/x-www-form-urlencoded",
    "plain text": "text/plain",
    "another charset": "application/json; charset=utf-7",
    "XML": "application/xml",
    "nothing": "",
}
"""Content types under which a JSON body is not taken where one is expected."""

ENCODINGS = ("gzip", "deflate", "br", "zstd", "gzip, gzip", "chunked", "unknown")
"""Values of Content-Encoding: nothing is decompressed, whatever it says."""

SEGMENTS: dict[str, str] = {
    "traversal": "..%2f..%2fconfig.toml",
    "traversal, upper case": "%2E%2E%2Fkeys.sealed",
    "traversal, encoded twice": "%252e%252e%252fkeys.sealed",
    "traversal with backslashes": "..%5c..%5ckeys.sealed",
    "traversal in overlong UTF-8": "%c0%ae%c0%ae%c0%af",
    "an absolute path": "%2fetc%2fpasswd",
    "a drive": "C%3a%5cwindows",
    "dots": "%2e%2e",
    "one dot": "%2e",
    "NUL": "abc%00",
    "a line end": "abc%0d%0aset-cookie:x",
    "a tab": "%09",
    "a lone surrogate": "%ed%a0%80",
    "not UTF-8": "%ff%fe",
    "broken escapes": "%zz",
    "very long": "a" * 2_000,
    "digits without end": "9" * 400,
    "full-width digits": "%ef%bc%91",
    "a negative number": "-1",
    "an exponent": "1e3",
    "a number with an underscore": "1_0",
    "SQL": "%27%20OR%201%3d1--",
    "a template": "%7b%7b7*7%7d%7d",
    "emoji": "%f0%9f%99%82",
}
"""Percent-encoded path segments; none names anything, anywhere."""


def look_alikes(name: str) -> dict[str, str]:
    """Percent-encoded spellings that people, or careless software, could take for `name` (which has an "a")."""
    first, rest = name[0], name[1:]
    return {
        "a Cyrillic letter": name.replace("a", "%d0%b0", 1),
        "a full-width letter": name.replace("a", "%ef%bd%81", 1),
        "a zero-width space": f"{first}%e2%80%8b{rest}",
        "a soft hyphen": f"{first}%c2%ad{rest}",
        "a combining accent": name.replace("a", "a%cc%81", 1),
        "mixed case": name.capitalize(),
        "upper case": name.upper(),
        "a trailing dot": f"{name}.",
        "a trailing space": f"{name}%20",
        "a leading space": f"%20{name}",
        "a trailing slash, encoded": f"{name}%2f",
        "a trailing line end": f"{name}%0a",
        "a trailing NUL": f"{name}%00",
        "a path parameter": f"{name};x=1",
        "an en dash": name.replace("-", "%e2%80%93"),
        "an underscore": name.replace("-", "_"),
    }
