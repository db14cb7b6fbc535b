"""Every error of the local API as a problem document (RFC 9457), with nothing of the request repeated in it.

Frameworks like to be helpful and show the offending input. Here the input may be a person's phone number, so each of
their default answers is replaced.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tacita_node.disk import is_away, takes_nothing
from tacita_node.logs import places_of
from tacita_protocol.api import Problem
from tacita_protocol.errors import DecryptionFailed, EngineFailure, ProtocolError
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted

PROBLEM_TYPE = "application/problem+json"
MAX_NAMED_FIELDS = 8
MAX_DETAIL_CHARACTERS = 500
_FIELD = re.compile(r"[a-z_]{1,32}")

_log = structlog.get_logger(__name__)


class ProblemError(Exception):
    """An answer of 4xx or 5xx: a stable code and one plain sentence, neither with an identifier in it."""

    def __init__(self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def database_away() -> ProblemError:
    """The database's server is not there. What was asked for may have been done."""
    detail = "The node's database does not answer; see what was done once its server runs."
    return ProblemError(503, "database-away", detail, headers={"retry-after": "5"})


def problem(error: ProblemError) -> Response:
    """The problem document as a response."""
    title = HTTPStatus(error.status).phrase
    document = Problem.of(error.status, error.code, title, error.detail[:MAX_DETAIL_CHARACTERS])
    headers = {"cache-control": "no-store", **error.headers}
    return Response(document.model_dump_json(), error.status, headers=headers, media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Replaces every default error answer of the framework."""
    app.add_exception_handler(ProblemError, _of_problem)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(BrokerProblem, _of_broker)
    app.add_exception_handler(BrokerUnreachable, _of_broker)
    app.add_exception_handler(ResponseUntrusted, _of_broker)
    app.add_exception_handler(ProtocolError, _of_protocol)
    app.add_exception_handler(OSError, _of_disk)
    app.add_exception_handler(DBAPIError, _of_disk)
    app.add_exception_handler(Exception, _of_defect)


def _say(status: int, code: str, detail: str) -> Response:
    return problem(ProblemError(status, code, detail))


async def _of_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - the registration above says so; this tells the type checker
    return problem(error)


async def _of_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    fields = sorted({_field(item["type"], item["loc"]) + _wanted(item) for item in error.errors()})[:MAX_NAMED_FIELDS]
    return _say(422, "invalid-request", f"The request is not in the agreed form: {', '.join(fields)}.")


def _field(kind: str, location: tuple[int | str, ...]) -> str:
    # Only names that our own models declare may be shown: the name of a surplus field is input like any other.
    shown = list(location[:-1] if kind == "extra_forbidden" else location)
    names = [str(part) for part in shown if isinstance(part, int) or _FIELD.fullmatch(part)]
    return ".".join(names) + (" (unknown field)" if kind == "extra_forbidden" else "")


def _wanted(item: Mapping[str, Any]) -> str:
    # What our own models declare may be shown; the input that does not fit it may not.
    context = item.get("ctx", {})
    match item["type"]:
        case "enum" | "literal_error":
            return f" (expected: {context['expected']})"
        case "string_pattern_mismatch":
            return f" (expected form: {context['pattern']})"
        case _:
            return ""


async def _of_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    match error.status_code:
        case 404:
            return _say(404, "not-found", "There is nothing here.")
        case 405:
            return _say(405, "method-not-allowed", "This resource does not know that method.")
        case status if 400 <= status < 500:
            return _say(status, "bad-request", "The request could not be read.")
        case _:
            return _say(500, "internal", "The node could not answer.")


_STRANGER = (
    "The broker takes nothing from this node's key: it is not approved, was revoked, or the clock here is wrong."
)


async def _of_broker(_request: Request, error: Exception) -> Response:
    match error:
        case BrokerProblem(status=status, code=code) if status < 500:
            shown = code if re.fullmatch(r"[a-z0-9-]{1,57}", code) else "unknown"
            return _say(409, f"broker-{shown}", _STRANGER if status == 401 else f"The broker refused this: {shown}.")
        case ResponseUntrusted():
            return _say(502, "broker-untrusted", "The broker's answer cannot be trusted; nothing was done with it.")
        case _:
            return _say(503, "broker-unreachable", "The broker cannot be reached at the moment; try again later.")


async def _of_protocol(_request: Request, error: Exception) -> Response:
    if isinstance(error, DecryptionFailed | EngineFailure):  # our own disk or our own workers, not the request
        return await _of_defect(_request, error)
    return _say(422, "invalid-statement", "Something in the request or in what it names does not verify.")


async def _of_disk(_request: Request, error: Exception) -> Response:
    if is_away(error):
        return problem(database_away())
    if not takes_nothing(error):
        raise error
    _log.error("disk-takes-nothing", error=type(error).__name__)
    detail = "The node cannot write at the moment, so nothing was done; make room on its disk, or let it write there."
    return problem(ProblemError(503, "disk-full", detail, headers={"retry-after": "5"}))


async def _of_defect(_request: Request, error: Exception) -> Response:
    _log.error("request-failed", error=type(error).__name__, places=places_of(error))
    return _say(500, "internal", "The node could not answer; its log says where it failed.")
