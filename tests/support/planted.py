"""Requests with an identifier in every place that a request has, made from an OpenAPI document.

    for planted in plant(operation, values, body, canary): answer = await send(planted)

The rest of each request fits the document, so that the place under test is reached.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

from tacita_protocol.identifiers.kind import Kind
from tests.support.canary import Canaries
from tests.support.openapi import Operation

CANARIES = {
    Kind.PHONE: "+447911123456",
    Kind.EMAIL: "canary.person@example.org",
    Kind.ACCOUNT: "GB33BUKB20201555555555",
}
LOOKED_AT = (
    "authorization",
    "content-digest",
    "content-encoding",
    "content-type",
    "host",
    "signature",
    "signature-input",
    "x-forwarded-for",
)
"""Headers that decide something: one at a time, or the first would hide the others."""
PASSED_OVER = (
    "accept",
    "accept-language",
    "cookie",
    "forwarded",
    "from",
    "idempotency-key",
    "if-none-match",
    "origin",
    "range",
    "referer",
    "traceparent",
    "user-agent",
    "x-forwarded-host",
    "x-request-id",
)


@dataclass(frozen=True)
class Planted:
    """One request; `place` says where the identifier is in it."""

    operation: Operation
    place: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    media: str | None = None


@cache
def recognised(kind: Kind) -> Canaries:
    """Every form in which the canary of this kind could be recognised."""
    text = CANARIES[kind]
    return Canaries.of(kind, [text], [quote(text, safe=""), text.upper()])


def plant(operation: Operation, values: Mapping[str, str], body: Any, canary: str) -> Iterator[Planted]:
    """The canary in each path and query parameter, in a surplus one, in each header, and all over the body.

    `values` are fitting parameters by name; `body` is a fitting body: an object for JSON, else text.
    """
    media = next(iter(operation.contents), None)
    content = None if media is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    names = [parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"]
    honest_path = operation.path.format(**{name: values[name] for name in names})
    queries = [parameter["name"] for parameter in operation.parameters if parameter["in"] == "query"]
    honest_query = {name: values[name] for name in queries if name in values}

    def planted(place: str, **changes: Any) -> Planted:
        honest = {"path": honest_path, "query": honest_query, "content": content, "media": media}
        return Planted(operation, place, **{**honest, **changes})

    for name in names:
        changed = {other: values[other] for other in names} | {name: quote(canary, safe="")}
        yield planted(f"path {name}", path=operation.path.format(**changed))
    for name in queries:
        yield planted(f"query {name}", query={**honest_query, name: canary})
    yield planted("a surplus parameter", query={**honest_query, canary: canary})
    yield planted("a surplus step of the path", path=f"{honest_path}/{quote(canary, safe='')}")
    for header in LOOKED_AT:
        yield planted(f"header {header}", headers={header: canary})
    surplus = f"x-{canary.strip('+').replace('@', '-')}"
    yield planted("all other headers", headers=dict.fromkeys((*PASSED_OVER, surplus), canary))
    for place, data in _bodies(body, canary):
        yield planted(f"body: {place}", content=data, media=media or "application/json")


def _bodies(body: Any, canary: str) -> Iterator[tuple[str, bytes]]:
    yield "nothing but it", canary.encode()
    yield "a bare string", json.dumps(canary).encode()
    yield "cut off", json.dumps({"a": canary}).encode()[:-1]
    yield "a duplicate key", f'{{"{canary}":1,"{canary}":"{canary}"}}'.encode()
    if isinstance(body, str):
        yield "a column of that name", f"{canary}\n1\n".encode()
        yield "a column of it", f"phone\n{canary}\n".encode()
        yield "a row of other length", f"phone\n1,{canary}\n".encode()
    else:
        for place, changed in _replaced(body or {}, canary):
            yield place, json.dumps(changed).encode()


def _replaced(item: Any, canary: str, place: str = "") -> Iterator[tuple[str, Any]]:
    """`item` with the canary in place of each part of it, and as the name of a surplus field of each object."""
    yield place or "all of it", canary
    if isinstance(item, dict):
        yield f"{place}: a surplus field", {**item, canary: canary}
        for name in item:
            for inner, changed in _replaced(item[name], canary, f"{place}.{name}"):
                yield inner, {**item, name: changed}
    elif isinstance(item, list):
        for number in range(len(item)):
            for inner, changed in _replaced(item[number], canary, f"{place}[{number}]"):
                shown = copy.copy(item)
                shown[number] = changed
                yield inner, shown
