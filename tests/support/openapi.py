"""What an OpenAPI document must be, whichever service it describes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import schemathesis

METHODS = frozenset({"get", "put", "post", "delete", "patch"})
BOUNDED = ({"enum"}, {"pattern"}, {"minimum", "maximum"}, {"minLength", "maxLength"})
"""One of these sets of keywords bounds a parameter."""


@dataclass(frozen=True)
class Operation:
    """One operation of a document, with its references resolved one level deep."""

    method: str
    path: str
    body: dict[str, Any]
    document: dict[str, Any]

    @property
    def route(self) -> tuple[str, str]:
        """Method and path template."""
        return self.method, self.path

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The declared parameters."""
        return list(self.body.get("parameters", ()))

    @property
    def responses(self) -> dict[int, dict[str, Any]]:
        """The declared responses by status."""
        found = self.body["responses"].items()
        return {int(status): resolve(self.document, response) for status, response in found}

    @property
    def contents(self) -> dict[str, Any]:
        """Media types of the request's body, with their schemas."""
        return dict(self.body.get("requestBody", {}).get("content", {}))


def operations(document: dict[str, Any]) -> list[Operation]:
    """Every operation of a document."""
    return [
        Operation(method.upper(), path, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def resolve(document: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """The item that a reference within the document names; the item itself when it is none."""
    if "$ref" not in item:
        return item
    found: Any = document
    for step in item["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, dict)
    return found


def check_document(document: dict[str, Any]) -> None:
    """A valid OpenAPI 3.1 document that says all of each operation: summary, security, bounds, problems."""
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    for item in _objects(document):
        resolve(document, item)
        assert not {"example", "examples"} & item.keys()
    for operation in operations(document):
        assert operation.body["summary"].endswith("."), operation.route
        assert "security" in operation.body, operation.route
        for parameter in operation.parameters:
            assert _bounded(document, parameter["schema"]), (operation.route, parameter["name"])
        for status, response in operation.responses.items():
            if status >= 400:
                assert set(response["content"]) == {"application/problem+json"}, (operation.route, status)


def _bounded(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice.get("type") != "null"]
    return all(
        choice.get("type") == "boolean" or any(keywords <= resolve(document, choice).keys() for keywords in BOUNDED)
        for choice in choices
    )


def _objects(item: Any) -> Iterator[dict[str, Any]]:
    if isinstance(item, dict):
        yield item
        for value in item.values():
            yield from _objects(value)
    elif isinstance(item, list):
        for value in item:
            yield from _objects(value)
