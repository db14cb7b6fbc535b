"""The gate in front of the local API. Nothing behind it sees a request that it did not let through.

1. The Host header must name this node: a web page that points its own name at 127.0.0.1 (DNS rebinding) gets nothing.
2. Everything but /healthz needs a bearer token. A token may ask so often; who has none, from one address, less often.
   A valid token counts for itself only: no page in a browser on the same machine can use up its requests.
3. The route must be there and the token's roles must allow it (`roles.TABLE`), before anything is looked up.
4. Only then is the body received, whole, within a limit of bytes and of time. The application gets it in one piece.
5. A body that is no file, nor a piece of one, is JSON, and passes the strict parser first (duplicate keys, integer
   range, depth).

Every answer says `cache-control: no-store`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tacita_node.access.rates import Rate
from tacita_node.access.roles import OPEN, RELAYED, Role, Route, Routes, check_permitted
from tacita_node.access.tokens import Holder
from tacita_node.config import Limits
from tacita_node.disk import is_away
from tacita_node.problems import ProblemError, database_away, problem
from tacita_protocol.crypto.jcs import parse_json
from tacita_protocol.errors import ProtocolError

FILES: Mapping[Route, str] = {
    ("POST", "/v1/datasets/{name}/imports"): "upload_piece_bytes",
    ("PUT", "/v1/uploads/{upload}/pieces/{number}"): "upload_piece_bytes",
    ("POST", "/v1/previews"): "preview_bytes",
}
"""Routes whose body is a file or a piece of one, and the limit of its bytes."""
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_BEARER = re.compile(rb"[Bb]earer +([A-Za-z0-9_-]+)")
_ONCE = (b"content-encoding", b"content-length", b"content-type", b"transfer-encoding")
"""Headers of which a second one would be read differently by different readers. (Host and token: see their checks.)"""


class Gate:
    """ASGI middleware; see the module.

    Args:
        app: what is guarded.
        routes: its routes.
        holder: whom a token speaks for, or None.
        allowed_hosts: names of this node besides the loopback ones, without a port.
        limits: how many bytes a body may have, how long it may take, and how often somebody may ask.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Iterable[Route],
        holder: Callable[[str], Awaitable[Holder | None]],
        allowed_hosts: Iterable[str],
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._routes = Routes(routes)
        self._holder = holder
        self._hosts = frozenset(host.lower() for host in (*LOOPBACK_HOSTS, *allowed_hosts))
        self._limits = limits
        self._tokens = Rate(per_second=limits.token_per_second, burst=limits.token_burst, clock=clock)
        self._strangers = Rate(per_second=limits.stranger_per_second, burst=limits.stranger_burst, clock=clock)
        self._relayed = Rate(per_second=limits.relayed_per_second, burst=limits.relayed_burst, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request itself or hands it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            return
        answer = _without_caching(send)
        try:
            route = await self._admit(scope)
            body = await self._body(scope, receive, file_limit=FILES.get(route))
        except ProblemError as refused:
            await problem(refused)(scope, receive, answer)
            return
        await self._app(scope, _Replay(body, receive), answer)

    async def _admit(self, scope: Scope) -> Route:
        try:
            self._check_headers(scope)
            holder = None if (scope["method"], scope["path"]) in OPEN else await self._check_token(scope)
        except ProblemError:
            self._strangers.take(_address(scope))
            raise
        if holder is None:
            self._strangers.take(_address(scope))
            return self._routes.find(scope["method"], scope["path"])
        self._tokens.take(holder.token)
        route = self._routes.find(scope["method"], scope["path"])
        check_permitted(holder.roles, route)
        if route in RELAYED:
            self._relayed.take("")  # of all tokens together: readers leave the node's matches their part of the broker
        scope.setdefault("state", {})["holder"] = holder
        return route

    def _check_headers(self, scope: Scope) -> None:
        if any(len(_header(scope, name)) > 1 for name in _ONCE):
            raise ProblemError(400, "duplicate-header", "A header field that must be single came twice.")
        values = _header(scope, b"host")
        name = (
            re.fullmatch(r"(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", values[0].lower())
            if len(values) == 1
            else None
        )
        if name is None or name[1] not in self._hosts:
            raise ProblemError(421, "wrong-host", "This node is not called by that name; see allowed_hosts.")

    async def _check_token(self, scope: Scope) -> Holder:
        values = _header(scope, b"authorization")
        match = _BEARER.fullmatch(values[0].encode("latin-1")) if len(values) == 1 else None
        try:
            holder = None if match is None else await self._holder(match[1].decode("ascii"))
        except DBAPIError as error:
            if is_away(error):
                raise database_away() from error
            raise
        if holder is None:
            raise ProblemError(
                401,
                "token-needed",
                "Send a valid token: issue one with `tacita-node token`.",
                headers={"www-authenticate": "Bearer"},
            )
        return holder

    async def _body(self, scope: Scope, receive: Receive, *, file_limit: str | None) -> bytes:
        limits = self._limits
        if _header(scope, b"content-encoding") not in ([], ["identity"]):
            raise ProblemError(415, "content-encoding", "Bodies are not compressed here.")
        body = await _whole_body(
            scope,
            receive,
            max_bytes=limits.body_bytes if file_limit is None else getattr(limits, file_limit),
            seconds=limits.body_seconds if file_limit is None else limits.import_seconds,
        )
        if body and file_limit is None:
            if [value.partition(";")[0].strip().lower() for value in _header(scope, b"content-type")] != [_JSON]:
                raise ProblemError(415, "content-type", f"This body must be sent as {_JSON}.")
            _check_json(body, limits)
        return body


_JSON = "application/json"


def sees_hits(request: Request) -> bool:
    """Whether the token of this request may know what was found, and be it only the number of hits."""
    return Role.ANALYST in request.state.holder.roles


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return "" if client is None else str(client[0])


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


async def _whole_body(scope: Scope, receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    declared = _header(scope, b"content-length")
    if any(not re.fullmatch(r"[0-9]{1,15}", value) or int(value) > max_bytes for value in declared):
        raise _too_large(max_bytes)
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
                    raise _too_large(max_bytes)
                more = message.get("more_body", False)
    except TimeoutError:
        raise ProblemError(408, "too-slow", f"The body did not arrive within {seconds:g} seconds.") from None
    return bytes(body)


def _too_large(max_bytes: int) -> ProblemError:
    return ProblemError(
        413, "too-large", f"The body may have at most {max_bytes} bytes.", headers={"connection": "close"}
    )


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
