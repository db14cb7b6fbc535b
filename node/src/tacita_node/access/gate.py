"""The gate in front of the local API. Nothing behind it sees a request that it did not let through.

1. The Host header must name this node: a web page that points its own name at 127.0.0.1 (DNS rebinding) gets nothing.
2. Everything but /healthz needs a bearer token; an auditor's token only reads (and no hits: `require_analyst`).
3. Only then is the body received, whole, within a limit of bytes and of time. The application gets it in one piece.
4. A body that is not a source file is JSON, and passes the strict parser first (duplicate keys, integer range, depth).

Every answer says `cache-control: no-store`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tacita_node.access.tokens import Role
from tacita_node.config import Limits
from tacita_node.problems import ProblemError, problem
from tacita_protocol.crypto.jcs import parse_json
from tacita_protocol.errors import ProtocolError

_IMPORT_PATH = re.compile(r"/v1/datasets/[^/]+/imports")
_BEARER = re.compile(rb"[Bb]earer +([A-Za-z0-9_-]+)")
_READING = frozenset({"GET", "HEAD"})
OPEN_PATHS = frozenset({"/healthz"})
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Gate:
    """ASGI middleware; see the module.

    Args:
        app: what is guarded.
        role_of: the role of a token, or None.
        allowed_hosts: names of this node besides the loopback ones, without a port.
        limits: how many bytes a body may have and how long it may take.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        role_of: Callable[[str], Awaitable[Role | None]],
        allowed_hosts: Iterable[str],
        limits: Limits,
    ) -> None:
        self._app = app
        self._role_of = role_of
        self._hosts = frozenset(host.lower() for host in (*LOOPBACK_HOSTS, *allowed_hosts))
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request itself or hands it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            return
        answer = _without_caching(send)
        try:
            request = await self._admit(scope, receive)
        except ProblemError as refused:
            await problem(refused.status, refused.code, refused.detail)(scope, receive, answer)
            return
        await self._app(scope, request, answer)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        self._check_host(scope)
        if scope["path"] not in OPEN_PATHS:
            role = await self._check_token(scope)
            if role is Role.AUDITOR and scope["method"] not in _READING:
                raise ProblemError(403, "read-only", "This token may read, not change anything.")
            scope.setdefault("state", {})["role"] = role
        upload = scope["method"] == "POST" and _IMPORT_PATH.fullmatch(scope["path"]) is not None
        limits = self._limits
        body = await _whole_body(
            scope,
            receive,
            max_bytes=limits.import_bytes if upload else limits.body_bytes,
            seconds=limits.import_seconds if upload else limits.body_seconds,
        )
        if body and not upload:
            _check_json(body, limits)
        return _Replay(body, receive)

    def _check_host(self, scope: Scope) -> None:
        values = _header(scope, b"host")
        name = (
            re.fullmatch(r"(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", values[0].lower())
            if len(values) == 1
            else None
        )
        if name is None or name[1] not in self._hosts:
            raise ProblemError(421, "wrong-host", "This node is not called by that name; see allowed_hosts.")

    async def _check_token(self, scope: Scope) -> Role:
        values = _header(scope, b"authorization")
        match = _BEARER.fullmatch(values[0].encode("latin-1")) if len(values) == 1 else None
        role = None if match is None else await self._role_of(match[1].decode("ascii"))
        if role is None:
            raise ProblemError(401, "token-needed", "Send a valid token: issue one with `tacita-node token`.")
        return role


def by_analyst(request: Request) -> bool:
    """Whether the token of this request is an analyst's."""
    return bool(request.state.role is Role.ANALYST)


def require_analyst(request: Request) -> None:
    """For what names people: raises a 403 problem unless the token is an analyst's."""
    if not by_analyst(request):
        raise ProblemError(403, "analysts-only", "An auditor sees what was done, not what was found.")


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


async def _whole_body(scope: Scope, receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    declared = _header(scope, b"content-length")
    if any(not re.fullmatch(r"[0-9]{1,15}", value) or int(value) > max_bytes for value in declared):
        raise ProblemError(413, "too-large", f"The body may have at most {max_bytes} bytes.")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ProblemError(400, "incomplete", "The request ended before its body did.")
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise ProblemError(413, "too-large", f"The body may have at most {max_bytes} bytes.")
                more = message.get("more_body", False)
    except TimeoutError:
        raise ProblemError(408, "too-slow", f"The body did not arrive within {seconds:g} seconds.") from None
    return bytes(body)


def _check_json(body: bytes, limits: Limits) -> None:
    try:
        parse_json(body, max_bytes=limits.body_bytes)
    except ProtocolError:
        raise ProblemError(422, "invalid-json", "The body is not JSON, or not of the strict kind.") from None


@dataclass
class _Replay:
    """Gives the application the body in one message, then whatever the connection says."""

    body: bytes | None
    rest: Receive

    async def __call__(self) -> Message:
        if self.body is None:
            return await self.rest()
        body, self.body = self.body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _without_caching(send: Send) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(key, value) for key, value in message["headers"] if key.lower() != b"cache-control"]
            message["headers"] = [*kept, (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        await send(message)

    return answer
