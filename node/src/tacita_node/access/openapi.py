"""The OpenAPI document of the local API: what the framework knows of each route, and what all of them share.

A route says which problems of its own it can end in (`problems`); what gate and server may answer to any request
is added here, once. There are no examples: nobody mistakes one for a real identifier, or a real one for an example.
"""

import json
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from tacita_node.access.roles import OPEN
from tacita_protocol.api import Problem

ALWAYS = (400, 408, 413, 415, 421, 422, 429, 431, 500, 503)
"""What the server, the gate and the framework may answer on any route."""
WITH_TOKEN = (401, 403)
BROKER = (409, 502, 503)
"""How a route ends that asks the broker: it refused, its answer does not verify, it cannot be reached."""

_PROBLEM = {"$ref": "#/components/responses/Problem"}
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token issued by `tacita-node token`. Its roles decide which routes it opens.",
    }
}

Responses = dict[int | str, dict[str, Any]]
"""As the framework takes them."""


def problems(*statuses: int) -> Responses:
    """The problems in which a route can end, besides those of every route."""
    return {status: dict(_PROBLEM) for status in statuses}


def install(app: FastAPI) -> None:
    """Adds the route that shows the document of `app`. It is made when somebody first asks for it."""
    made = cache(lambda: json.dumps(document(app)).encode())

    async def openapi() -> Response:
        """This document."""
        return Response(made(), media_type="application/json")

    app.add_api_route("/openapi.json", openapi, methods=["GET"], response_class=JSONResponse)


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application."""
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own form of errors, which we do not use
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    made["components"]["responses"] = {"Problem": _problem_response()}
    made["components"]["securitySchemes"] = _SECURITY
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            is_open = (method.upper(), path) in OPEN
            operation["summary"] = operation.pop("description").partition("\n")[0]
            operation["security"] = [] if is_open else [{"token": []}]
            for status in ALWAYS if is_open else (*ALWAYS, *WITH_TOKEN):
                operation["responses"][str(status)] = dict(_PROBLEM)
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return made


def _problem_response() -> dict[str, Any]:
    return {
        "description": "A problem document (RFC 9457). With 429 and 503 it may say when to try again.",
        "headers": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}},
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
