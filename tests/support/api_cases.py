"""Requests made from an OpenAPI document, and what is demanded of every answer to them.

schemathesis makes the cases; they are the same in each run. Half of them fit the document, half break it somewhere.
Where real things exist (`known`), some cases are about them: their random parts meet more than "no such thing".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

WITH_SLASHES = frozenset({"path"})
"""Path parameters that need slashes, which schemathesis never makes: known ones only."""

Operation = APIOperation[Any, Any, Any, Any]
Send = Callable[[httpx2.Request, Operation], httpx2.Response]


@dataclass
class ApiCases:
    """Cases for one document.

    Args:
        document: the OpenAPI document.
        base_url: where the service is.
        send: sends a request, signed or with a token, as the operation needs it.
        known: path parameters that name real things, for every operation that has them.
        bodies: bodies that fit the real things, by method and path.
    """

    document: dict[str, Any]
    base_url: str
    send: Send
    known: Mapping[str, str]
    bodies: Mapping[tuple[str, str], tuple[dict[str, Any], ...]] = field(default_factory=dict)
    sent: int = 0
    statuses: set[tuple[str, int]] = field(default_factory=set)

    def run(self, count: int) -> None:
        """At least `count` cases, spread over all operations that take anything."""
        schema = schemathesis.openapi.from_dict(self.document)
        found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
        assert len(found) == sum(len(methods) for methods in self.document["paths"].values())
        strategies = [(operation, one) for operation in found for one in self._strategies(operation)]
        share = -(-count // len(strategies))
        for operation, strategy in strategies:
            self._try(operation, strategy, share)
        assert self.sent >= count

    def _strategies(self, operation: Operation) -> Iterator[SearchStrategy[Case[Any]]]:
        takes_something = bool(list(operation.iter_parameters())) or bool(list(operation.body))
        if not takes_something:
            return
        names = {parameter.name for parameter in operation.path_parameters}
        known = {name: value for name, value in self.known.items() if name in names}
        yield operation.as_strategy(GenerationMode.NEGATIVE)
        if not names & WITH_SLASHES:
            yield operation.as_strategy(GenerationMode.POSITIVE)
        if known:
            yield operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known)
        for body in self.bodies.get((operation.method.upper(), operation.path), ()):
            yield operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known or None, body=body)

    def _try(self, operation: Operation, strategy: SearchStrategy[Case[Any]], count: int) -> None:
        @settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def one(case: Case[Any]) -> None:
            self._one(operation, case)

        one()

    def _one(self, operation: Operation, case: Case[Any]) -> None:
        made = case.as_transport_kwargs(base_url=self.base_url)
        content = json.dumps(made["json"]).encode() if "json" in made else made.get("data")
        headers = {name: str(value) for name, value in made["headers"].items()}
        request = httpx2.Request(
            made["method"], made["url"], params=made.get("params"), headers=headers, content=content
        )
        answer = self.send(request, operation)
        self.sent += 1
        self.statuses.add((operation.label, answer.status_code))
        case.validate_response(answer, checks=CHECKS)
