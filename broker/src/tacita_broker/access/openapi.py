"""The OpenAPI document of the broker: a route says how it is reached, what it takes and answers; the rest is here.

    @router.post("/v1/matches", **signed({201: PromiseBody, 200: PromiseBody}, 404, 409, body=StatementBody))

Bodies are read raw, because the signature is over their bytes, so the framework does not see them; their schemas come
from the very models that `parse_body` uses. There are no examples: nobody mistakes one for a real identifier, or a real
one for an example.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from tacita_protocol import api
from tacita_protocol.statements.statement import Part

Content = type[Part] | str | None
"""A model (as JSON), a media type (as it is), or nothing."""

ALWAYS = (400, 408, 413, 421, 422, 429, 431, 500, 503)
"""What the server, the gate and the framework may answer on any route."""
WITH_BODY = (415,)
SIGNED = (401, 403, 415)
BEARER = (401,)

_PROBLEM = {"$ref": "#/components/responses/Problem"}
_REF = "#/components/schemas/{model}"
_SECURITY = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": (
            "RFC 9421, with `Signature-Input` and `Content-Digest`, by the partner's Ed25519 key; `keyid` is its "
            "id. It covers @method, @authority, @path, @query, content-digest and, with a body, content-type; it has "
            "created, expires (at most 60 s later) and a nonce, which counts once. The answer is signed by the broker, "
            "over @status, content-digest and, of the request, @method, @path, @query and signature."
        ),
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "From `POST /v1/tokens`: for the inbox, or for the frames of one match.",
    },
}


def public(answers: Mapping[int, Content], *problems: int, body: Content = None) -> dict[str, Any]:
    """A route that anybody may ask."""
    return _declared([], answers, problems, body)


def signed(answers: Mapping[int, Content], *problems: int, body: Content = None) -> dict[str, Any]:
    """A route that takes signed requests of partners (`access.signed`)."""
    return _declared([{"signature": []}], answers, (*problems, *SIGNED), body)


def bearing(answers: Mapping[int, Content], *problems: int, body: Content = None) -> dict[str, Any]:
    """A route that takes bearer tokens (`access.bearer`)."""
    return _declared([{"bearer": []}], answers, (*problems, *BEARER), body)


def install(app: FastAPI) -> None:
    """Adds the route that shows the document of `app`. It is made when somebody first asks for it."""
    made = cache(lambda: json.dumps(document(app)).encode())

    async def openapi() -> Response:
        """This document."""
        return Response(made(), headers={"cache-control": "no-cache"}, media_type="application/json")

    app.add_api_route("/openapi.json", openapi, methods=["GET"], **public({200: "application/json"}))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application."""
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    made["components"] = {
        "schemas": made.get("components", {}).get("schemas", {}) | _schemas(),
        "responses": {"Problem": _problem_response()},
        "securitySchemes": _SECURITY,
    }
    for methods in made["paths"].values():
        for operation in methods.values():
            operation["summary"] = operation.pop("description").partition("\n")[0]
    return made


def _declared(
    security: list[dict[str, list[str]]], answers: Mapping[int, Content], problems: Iterable[int], body: Content
) -> dict[str, Any]:
    """What the framework's route decorators take."""
    statuses = {*ALWAYS, *problems, *(WITH_BODY if body is not None else ())}
    responses = {status: _response(status, content) for status, content in answers.items()}
    extra: dict[str, Any] = {"security": security}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": _content(body)}
    return {
        "status_code": next(iter(answers)),
        "response_class": Response,
        "responses": {**responses, **{status: dict(_PROBLEM) for status in sorted(statuses)}},
        "openapi_extra": extra,
    }


def _response(status: int, content: Content) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    return described if content is None else {**described, "content": _content(content)}


def _content(content: type[Part] | str) -> dict[str, Any]:
    if isinstance(content, str):
        return {content: {"schema": {} if content.endswith("json") else {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": {"$ref": _REF.format(model=content.__name__)}}}


def _schemas() -> dict[str, Any]:
    """The schemas of all bodies in `tacita_protocol.api`."""
    models = [value for value in vars(api).values() if isinstance(value, type) and issubclass(value, Part)]
    _, made = models_json_schema([(model, "validation") for model in models if model is not Part], ref_template=_REF)
    schemas: dict[str, Any] = made["$defs"]
    return schemas


def _problem_response() -> dict[str, Any]:
    return {
        "description": "A problem document (RFC 9457). With 429 and 503 it may say when to try again.",
        "headers": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}},
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
