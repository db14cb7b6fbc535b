"""Reading a request's raw body, with a limit on its size and on the time that it takes to arrive."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from tacita_broker.config import Limits
from tacita_broker.problems import ProblemError

JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"


async def read_json_body(request: Request, limits: Limits) -> bytes:
    """The body of a JSON request, not parsed yet. Raises `ProblemError` (413, 415, 408, 400)."""
    return await _read(request, JSON_TYPE, limits.json_body_bytes, limits.receive_seconds)


async def read_binary_body(request: Request, limits: Limits) -> bytes:
    """The body of a frame. Raises as `read_json_body`."""
    return await _read(request, BINARY_TYPE, limits.frame_bytes, limits.receive_seconds)


async def read_empty_body(request: Request, limits: Limits) -> bytes:
    """The body of a request that has none. Raises `ProblemError`."""
    body = await _collect(request, 0, limits.receive_seconds)
    if request.headers.get("content-type") is not None:
        raise ProblemError(415, "content-type", "A request without a body carries no content type.")
    return body


async def _read(request: Request, content_type: str, max_bytes: int, seconds: float) -> bytes:
    if request.headers.get("content-type") != content_type:
        raise ProblemError(415, "content-type", f"This body must be sent as {content_type}.")
    return await _collect(request, max_bytes, seconds)


async def _collect(request: Request, max_bytes: int, seconds: float) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(415, "content-encoding", "Bodies are not compressed here.")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise ProblemError(
                        413, "limit-exceeded", f"This body has at most {max_bytes} bytes.", headers=_CLOSE
                    )
    except TimeoutError:
        raise ProblemError(408, "too-slow", "The body did not arrive in time.", headers=_CLOSE) from None
    except ClientDisconnect:
        raise ProblemError(400, "disconnected", "The connection ended before the body did.") from None
    return bytes(body)


_CLOSE = {"connection": "close"}
"""The rest of such a body is not read."""
