"""What a later version may say: refused by name, never guessed at. Every type of statement, golden examples."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tacita_protocol.crypto import dsse
from tacita_protocol.crypto.jcs import canonical_json
from tacita_protocol.errors import MalformedMessage, SignatureInvalid, UnsupportedVersion
from tacita_protocol.statements.statement import Statement, payload_of, payload_type, unverified, verify_statement
from tests.support.golden import GOLDEN, STATEMENTS
from tests.support.memory_log import key_named

KEY = key_named("somebody")
EACH = pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())


def read(statement: Statement, body: Any, *, claimed: str | None = None) -> Statement:
    """The body under a genuine signature, read as the statement's type."""
    envelope = dsse.sign(claimed or payload_type(type(statement)), canonical_json(body), KEY)
    return verify_statement(type(statement), envelope, KEY.verify_key).body


def body_of(statement: Statement) -> Any:
    return json.loads(payload_of(statement))


@EACH
@pytest.mark.parametrize("version", [0, 2, 2**53 - 1])
def test_another_version_of_the_fields(statement: Statement, version: int) -> None:
    with pytest.raises(UnsupportedVersion) as raised:
        read(statement, body_of(statement) | {"v": version})
    assert raised.value.field == "v"


@EACH
@pytest.mark.parametrize("version", ["0", "2", "01", "999999999"])
def test_another_version_of_the_type(statement: Statement, version: str) -> None:
    claimed = f"application/vnd.tacita.{statement.TYPE}.v{version}+json"
    envelope = dsse.sign(claimed, payload_of(statement), KEY)
    for reading in (
        lambda: verify_statement(type(statement), envelope, KEY.verify_key),
        lambda: unverified(type(statement), envelope),
    ):
        with pytest.raises(UnsupportedVersion) as raised:
            reading()
        assert raised.value.field == "payloadType"


@EACH
@pytest.mark.parametrize("type_", ["bargain.v1+json", "bargain.v2+json", "{}.v1+cbor", "{}.v1", "{}.vx+json"])
def test_an_unknown_type(statement: Statement, type_: str) -> None:
    claimed = f"application/vnd.tacita.{type_.format(statement.TYPE)}"
    with pytest.raises(MalformedMessage) as raised:
        unverified(type(statement), dsse.sign(claimed, payload_of(statement), KEY))
    assert raised.value.field == "payloadType"
    assert not isinstance(raised.value, UnsupportedVersion)
    with pytest.raises(SignatureInvalid) as mismatched:
        read(statement, body_of(statement), claimed=claimed)
    assert mismatched.value.reason == "type"


@EACH
def test_an_unknown_field(statement: Statement) -> None:
    with pytest.raises(MalformedMessage, match="unknown field") as raised:
        read(statement, body_of(statement) | {"zeal": 1})
    assert raised.value.field is None


def closed_sets(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every enum value, and of every tag of a union, in a statement."""
    if isinstance(value, StrEnum):
        yield path
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            if name == "type" and isinstance(inner, str) and get_args(field.annotation):
                yield (*path, name)
            yield from closed_sets(inner, (*path, field.alias or name))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from closed_sets(item, (*path, number))


UNKNOWN = {
    f"{name}: {'.'.join(map(str, path))}": (golden.body, path)
    for name, golden in GOLDEN.items()
    for path in closed_sets(golden.body)
}


def test_the_closed_sets_are_found() -> None:
    assert {"partner-card: kind", "agreement: class", "grant: obligations.modes.0", "retraction: subject.type"} <= set(
        UNKNOWN
    )


@pytest.mark.parametrize(("statement", "path"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_value_of_a_closed_set(statement: Statement, path: tuple[str | int, ...]) -> None:
    body = place = body_of(statement)
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = "from-the-future"
    with pytest.raises(UnsupportedVersion) as raised:
        read(statement, body)
    # A union's tag is refused where the union stands.
    assert raised.value.field == ".".join(map(str, path)).removesuffix(".type")
    assert "from-the-future" not in str(raised.value)
