"""The golden files show everything that statements can say: each field with a value, each word of a closed set."""

from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from inspect import isclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from tests.support.golden import GOLDEN


def inside(annotation: Any) -> Iterator[Any]:
    """A type and every type that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from inside(part)


def models(*roots: type[BaseModel]) -> set[type[BaseModel]]:
    """These classes and every class that their fields may hold."""
    found: set[type[BaseModel]] = set()
    waiting = [*roots]
    while waiting:
        cls = waiting.pop()
        if cls not in found:
            found.add(cls)
            for field in cls.model_fields.values():
                held = inside(field.annotation)
                waiting += [part for part in held if isclass(part) and issubclass(part, BaseModel)]
    return found


def values(value: Any) -> Iterator[Any]:
    """A value and everything in it."""
    yield value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from values(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from values(item)


MODELS = models(*(type(golden.body) for golden in GOLDEN.values()))
SHOWN = [value for golden in GOLDEN.values() for value in values(golden.body)]
FIELDS = [(cls, name, field.annotation) for cls in MODELS for name, field in cls.model_fields.items()]
IN_FIELDS: defaultdict[tuple[type[BaseModel], str], list[Any]] = defaultdict(list)
for shown in SHOWN:
    if isinstance(shown, BaseModel):
        for name in type(shown).model_fields:
            IN_FIELDS[type(shown), name].append(getattr(shown, name))


def test_every_field_has_a_value_somewhere() -> None:
    empty = [f"{cls.__name__}.{name}" for cls, name, _ in FIELDS if all(v in (None, ()) for v in IN_FIELDS[cls, name])]
    assert empty == []


def test_every_word_of_a_closed_set_occurs() -> None:
    sets = {part for _, _, annotation in FIELDS for part in inside(annotation) if isclass(part)}
    words = {word for closed in sets if issubclass(closed, Enum) for word in closed}
    assert len(words) > 40
    assert words - {value for value in SHOWN if isinstance(value, Enum)} == set()


def test_every_variant_of_a_union_occurs() -> None:
    for cls, name, annotation in FIELDS:
        if get_origin(annotation) is Literal:
            assert set(get_args(annotation)) == set(IN_FIELDS[cls, name]), f"{cls.__name__}.{name}"
    assert {type(value) for value in SHOWN if isinstance(value, BaseModel)} == MODELS
