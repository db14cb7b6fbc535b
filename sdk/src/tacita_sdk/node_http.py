"""Carries out the calls to a node's local API, blocking or not: with a token, bounded answers, and safe repetition.

1. A call is sent with the token and its answer is read up to a limit.
2. What changes something is sent once. Only when it certainly was not taken up (no connection came about, or the answer
   is 429) it is sent again, like a call that only reads; that one also after a broken connection, 502, 503 and 504.
3. Between two attempts there is a pause with jitter, at least as long as `Retry-After` says, and at most
   `RetryPolicy.longest_pause`: who is to wait longer is told so by the error.
4. Whatever ends a call early (an error, a cancelled task) closes its connection.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx2
from pydantic import ValidationError

from tacita_sdk.errors import NodeProblem, NodeUnreachable, ResponseUntrusted
from tacita_sdk.node_address import require_address
from tacita_sdk.node_api import NodePage
from tacita_sdk.node_calls import Body, Call
from tacita_sdk.retry import RetryPolicy

MAX_RESPONSE_BYTES = 256 * 2**20
RETRY = RetryPolicy(attempts=4, first_pause=0.1, longest_pause=10.0)
"""What a node is given by default: a restart takes about two seconds."""

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_PASSING = frozenset({502, 503, 504})


P = TypeVar("P", bound=NodePage)
R = TypeVar("R")


class _Wire:
    """What blocking and other connections have in common: everything but the waiting."""

    def __init__(self, url: str, token: str, retry: RetryPolicy, plain_http: bool) -> None:
        self._url = require_address(url, plain_http=plain_http)
        self._headers = {"authorization": f"Bearer {token}"}
        self._retry = retry

    def _request(self, client: httpx2.Client | httpx2.AsyncClient, call: Call[Body]) -> httpx2.Request:
        return client.build_request(
            call.method,
            call.path,
            params=dict(call.params),
            content=call.content,
            headers={} if call.content is None else {"content-type": call.content_type},
            timeout=call.timeout,
        )

    def _unreachable(self, error: httpx2.TransportError) -> NodeUnreachable:
        if isinstance(error, _NOT_SENT):
            return NodeUnreachable(
                f"No node answers at {self._url}: start it with `tacita-node run DIR`, or name another one."
            )
        broken = NodeUnreachable(
            f"The node at {self._url} did not answer to the end: if this was to change something, look whether it did "
            "before you repeat it."
        )
        broken.sent = True
        return broken

    def _understood(self, call: Call[Body], response: httpx2.Response, data: bytes) -> Body:
        if response.is_error:
            problem = NodeProblem.from_response(response.status_code, data)
            after = response.headers.get("retry-after", "")
            problem.retry_after = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else None
            raise problem
        try:
            return call.model.model_validate_json(data)
        except ValidationError as error:
            raise ResponseUntrusted(f"What answers at {self._url} does not speak this node API.") from error

    def _pause(self, call: Call[Body], error: NodeUnreachable | NodeProblem, attempt: int) -> float | None:
        """Seconds until the next attempt; None when there is to be none."""
        if attempt + 1 >= self._retry.attempts:
            return None
        if isinstance(error, NodeUnreachable):
            safe, asked = call.repeatable or not error.sent, 0
        else:
            # The node has asked the broker several times already when it says that it does not answer.
            passing = error.status in _PASSING and not error.code.startswith("broker-")
            safe, asked = error.status == 429 or (passing and call.repeatable), error.retry_after or 0
        if not safe or asked > self._retry.longest_pause:
            return None
        return max(asked, self._retry.pause(attempt))


class NodeConnection(_Wire):
    """Blocking calls to one node with a token.

    Every call raises `NodeUnreachable` when nothing answers, `NodeProblem` when the node says no and why, and
    `ResponseUntrusted` when what answers is no Tacita node. Making one raises `AddressRefused` for an address
    to which the token would not be safe on its way.

    Args:
        url: address of the local API.
        token: as `tacita-node token` printed it.
        transport: how to get there; None for the network.
        retry: how often, and with which pauses, a call is tried that may be repeated.
        sleep: waits for seconds.
        plain_http: whether the token may go over http to another machine, whose network is trusted with it.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        transport: httpx2.BaseTransport | None = None,
        retry: RetryPolicy = RETRY,
        sleep: Callable[[float], None] = time.sleep,
        plain_http: bool = False,
    ) -> None:
        super().__init__(url, token, retry, plain_http)
        self._sleep = sleep
        self._http = httpx2.Client(base_url=url, headers=self._headers, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _run(self, call: Call[Body]) -> Body:
        attempt = 0
        while True:
            try:
                return self._once(call)
            except (NodeUnreachable, NodeProblem) as error:
                pause = self._pause(call, error, attempt)
                if pause is None:
                    raise
            self._sleep(pause)
            attempt += 1

    def _follow(self, steps: Generator[Call[Any], Any, R]) -> R:
        """Carries out calls one after the other; a `NodeProblem` is given to the steps, which may know what to do."""
        try:
            call = next(steps)
            while True:
                try:
                    answer = self._run(call)
                except NodeProblem as problem:
                    call = steps.throw(problem)
                else:
                    call = steps.send(answer)
        except StopIteration as end:
            return cast(R, end.value)
        finally:
            steps.close()

    def _once(self, call: Call[Body]) -> Body:
        try:
            response = self._http.send(self._request(self._http, call), stream=True)
            try:
                data = bytearray()
                for chunk in response.iter_bytes():
                    _add(data, chunk)
            finally:
                response.close()
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        return self._understood(call, response, bytes(data))

    def _pages(self, call: Callable[[str | None], Call[P]]) -> Iterator[P]:
        after: str | None = None
        while True:
            page = self._run(call(after))
            yield page
            if page.next is None:
                return
            after = _onwards(after, page.next)


class AsyncNodeConnection(_Wire):
    """As `NodeConnection`, for coroutines. A call that is cancelled closes its connection and leaves nothing behind."""

    def __init__(
        self,
        url: str,
        *,
        token: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        retry: RetryPolicy = RETRY,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        plain_http: bool = False,
    ) -> None:
        super().__init__(url, token, retry, plain_http)
        self._sleep = sleep
        self._http = httpx2.AsyncClient(base_url=url, headers=self._headers, transport=transport, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _run(self, call: Call[Body]) -> Body:
        attempt = 0
        while True:
            try:
                return await self._once(call)
            except (NodeUnreachable, NodeProblem) as error:
                pause = self._pause(call, error, attempt)
                if pause is None:
                    raise
            await self._sleep(pause)
            attempt += 1

    async def _follow(self, steps: Generator[Call[Any], Any, R]) -> R:
        """As `NodeConnection._follow`. The steps read files, and so take place in a thread."""
        answer: Any = None
        problem: NodeProblem | None = None
        try:
            while True:
                done, call = await asyncio.to_thread(_step, steps, answer, problem)
                if done:
                    return cast(R, call)
                answer = problem = None
                try:
                    answer = await self._run(call)
                except NodeProblem as error:
                    problem = error
        finally:
            # Cancelled while a thread is at a step, which is not to be waited for: they close when it lets go of them.
            with suppress(ValueError):
                steps.close()

    async def _once(self, call: Call[Body]) -> Body:
        try:
            response = await self._http.send(self._request(self._http, call), stream=True)
            try:
                data = bytearray()
                async for chunk in response.aiter_bytes():
                    _add(data, chunk)
            finally:
                await response.aclose()
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        return self._understood(call, response, bytes(data))

    async def _pages(self, call: Callable[[str | None], Call[P]]) -> AsyncIterator[P]:
        after: str | None = None
        while True:
            page = await self._run(call(after))
            yield page
            if page.next is None:
                return
            after = _onwards(after, page.next)


def _step(steps: Generator[Call[Any], Any, Any], answer: Any, problem: NodeProblem | None) -> tuple[bool, Any]:
    """The next call, or True and what the steps returned: no coroutine may end in `StopIteration`."""
    try:
        return False, steps.send(answer) if problem is None else steps.throw(problem)
    except StopIteration as end:
        return True, end.value


def _add(data: bytearray, chunk: bytes) -> None:
    data += chunk
    if len(data) > MAX_RESPONSE_BYTES:
        raise ResponseUntrusted(f"The answer is larger than {MAX_RESPONSE_BYTES} bytes.")


def _onwards(before: str | None, after: str) -> str:
    """The next cursor; one that leads nowhere would make an endless list."""
    if before == after:
        raise ResponseUntrusted("The answer's pages lead round in a circle.")
    return after
