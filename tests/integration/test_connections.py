"""What the protocol layer refuses, at both services: connections, headers, and what is not HTTP, each as a problem."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from starlette.responses import PlainTextResponse
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

import tacita_broker.connections
import tacita_node.connections
from tacita_broker.config import Settings
from tacita_node.config import Limits
from tacita_protocol.api import Problem, parse_body

pytestmark = pytest.mark.anyio
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def of_broker(**changes: object) -> type[HttpToolsProtocol]:
    """The broker's protocol under these limits."""
    return tacita_broker.connections.http_protocol(Settings.model_construct().model_copy(update=changes))


def of_node(**changes: object) -> type[HttpToolsProtocol]:
    """The node's protocol under these limits."""
    return tacita_node.connections.http_protocol(Limits().model_copy(update=changes))


@asynccontextmanager
async def serving(protocol: type[HttpToolsProtocol]) -> AsyncIterator[int]:
    """A server with this protocol that answers everything; its port."""
    config = Config(PlainTextResponse("yes"), log_config=None, ws="none", lifespan="off", timeout_keep_alive=600)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def answer(port: int, data: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()


def assert_problem(received: bytes, status: int) -> None:
    """A problem document with this status."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), received
    assert b"content-type: application/problem+json" in head
    assert b"cache-control: no-store" in head
    assert parse_body(Problem, body).status == status


SERVICES = pytest.mark.parametrize("protocol_of", [of_broker, of_node], ids=["broker", "node"])
ProtocolOf = Callable[..., type[HttpToolsProtocol]]


@SERVICES
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\r\n\r\n\x00\x01", 400),
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        (b"GET  HTTP/1.1\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 40_000, 431),
    ],
)
async def test_what_is_not_http_is_a_problem(protocol_of: ProtocolOf, data: bytes, status: int) -> None:
    async with serving(protocol_of()) as port:
        assert_problem(await answer(port, data), status)


@SERVICES
@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nhost"])
async def test_headers_that_do_not_come_are_given_up(protocol_of: ProtocolOf, data: bytes) -> None:
    async with serving(protocol_of(header_seconds=0.05)) as port:
        assert_problem(await answer(port, data), 408)


@SERVICES
@pytest.mark.parametrize(
    ("limits", "status"),
    [({"connections": 2}, 503), ({"connections_per_address": 2}, 429)],
    ids=["in all", "of one address"],
)
async def test_connections_are_counted_and_given_back(
    protocol_of: ProtocolOf, limits: dict[str, int], status: int
) -> None:
    async with serving(protocol_of(**limits)) as port, AsyncExitStack() as stack:
        for _ in range(2):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await writer.drain()
        refused = await answer(port, b"")
        assert_problem(refused, status)
        assert b"retry-after: 5\r\n" in refused
        await stack.aclose()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await answer(port, b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 "):
                pass  # the server has not seen yet that the others are closed


async def test_behind_a_proxy_the_broker_counts_no_addresses() -> None:
    async with serving(of_broker(connections_per_address=1, behind_proxy=True)) as port, AsyncExitStack() as stack:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        assert (await answer(port, b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
