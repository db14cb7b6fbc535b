"""Problem documents (RFC 9457): the one form in which the broker says no.

Details are constant sentences, never a value from the request. What does not exist and what is not the caller's give
the same answer (`not_found`).
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tacita_broker.disk import is_away, takes_nothing
from tacita_protocol.api import Problem
from tacita_protocol.errors import (
    LimitExceeded,
    MalformedMessage,
    ProtocolError,
    SignatureInvalid,
    UnsupportedVersion,
)

if TYPE_CHECKING:
    from fastapi import FastAPI  # half a second of processor time, which the operator's commands do not need

PROBLEM_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem document. `code` is stable, `detail` one sentence without values."""

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers


def not_found() -> ProblemError:
    """The answer for "there is no such thing" and for "it is not yours"."""
    return ProblemError(404, "not-found", "There is no such thing, or it is not yours.")


def conflict(code: str, detail: str) -> ProblemError:
    """Well-formed, but not in this state, or something else was said before."""
    return ProblemError(409, code, detail)


def ended() -> ProblemError:
    """For what is said in a match that is over, or that one side has ended."""
    return ProblemError(410, "ended", "The match has ended; nothing more is taken or given in it.")


def refused(code: str, detail: str) -> ProblemError:
    """Well-formed, but what it says does not fit."""
    return ProblemError(422, code, detail)


def too_many(code: str, detail: str) -> ProblemError:
    """A quota is used up."""
    return ProblemError(429, code, detail, headers={"retry-after": "5"})


def disk_full() -> ProblemError:
    """What was asked for was not done, because the disk takes nothing: full, or read-only."""
    return ProblemError(
        503, "disk-full", "The broker cannot write at the moment; nothing was done.", headers={"retry-after": "5"}
    )


def database_away() -> ProblemError:
    """The database's server is not there. What was asked for may have been done: the same again finds out."""
    return ProblemError(
        503, "database-away", "The broker's database does not answer; try again.", headers={"retry-after": "5"}
    )


def problem_response(error: ProblemError) -> Response:
    """The document as a response."""
    problem = Problem.of(error.status, error.code, HTTPStatus(error.status).phrase, error.detail)
    headers = {"cache-control": "no-store", **(error.headers or {})}
    return Response(problem.model_dump_json(), error.status, headers=headers, media_type=PROBLEM_TYPE)


def of_protocol_error(error: ProtocolError) -> ProblemError:
    """What a caller is told about a message that does not hold; texts of protocol errors carry no values."""
    match error:
        case LimitExceeded():
            return ProblemError(413, "limit-exceeded", str(error)[:500])
        case UnsupportedVersion():
            return ProblemError(422, "unsupported-version", str(error)[:500])
        case MalformedMessage():
            return ProblemError(422, "malformed", str(error)[:500])
        case SignatureInvalid():
            return ProblemError(422, "statement-signature", str(error)[:500])
        case _:
            return ProblemError(422, "refused", str(error)[:500])


def install_problem_handlers(app: "FastAPI") -> None:
    """Every way in which a request can fail ends in a problem document."""
    from fastapi.exceptions import RequestValidationError

    @app.exception_handler(ProblemError)
    async def on_problem(_request: Request, error: ProblemError) -> Response:
        return problem_response(error)

    @app.exception_handler(ProtocolError)
    async def on_protocol_error(_request: Request, error: ProtocolError) -> Response:
        return problem_response(of_protocol_error(error))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, _error: RequestValidationError) -> Response:
        # The framework's own answer would quote the value.
        return problem_response(ProblemError(422, "malformed", "A part of the address does not have its form."))

    @app.exception_handler(HTTPException)
    async def on_http_error(_request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem_response(not_found())
        status = error.status_code if 400 <= error.status_code <= 599 else 500
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        phrase = HTTPStatus(status).phrase
        code = "-".join(phrase.lower().replace("'", "").split())
        return problem_response(ProblemError(status, code, f"{phrase}.", headers=headers))

    async def on_disk(_request: Request, error: Exception) -> Response:
        if is_away(error):
            return problem_response(database_away())
        if not takes_nothing(error):
            raise error
        return problem_response(disk_full())

    app.add_exception_handler(OSError, on_disk)
    app.add_exception_handler(DBAPIError, on_disk)

    @app.exception_handler(Exception)
    async def on_failure(_request: Request, _error: Exception) -> Response:
        return problem_response(ProblemError(500, "internal", "The broker failed on this request."))
