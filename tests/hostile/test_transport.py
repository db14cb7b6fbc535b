"""What a broker and a node do with bytes that no proper client sends: real processes, real sockets, memory measured.

A compressed bomb is refused by its header, unread. Endless bodies and huge headers end at a limit, slow ones at a time.
"""

import gzip
import itertools
from collections.abc import Callable, Iterable, Iterator

import httpx2
import pytest

from tests.support.raw_http import Exchange, peak_memory, pour
from tests.support.served import Served, served_broker, served_node

KIB, MIB = 1024, 1024 * 1024
LIMIT_SECONDS = 1.0
"""How long headers and bodies may take here (10 and 30 by default)."""
SOCKET_BYTES = 12 * MIB
"""What may lie in the kernel's buffers of a loopback connection beyond what was read."""
GROWTH_BYTES = 32 * MIB
"""Memory that a process may need for any of this: far less than what is poured into it."""
ENVIRONMENT = {
    "TACITA_BROKER_HEADER_SECONDS": str(LIMIT_SECONDS),
    "TACITA_BROKER_RECEIVE_SECONDS": str(LIMIT_SECONDS),
    "TACITA_NODE_LIMITS__HEADER_SECONDS": str(LIMIT_SECONDS),
    "TACITA_NODE_LIMITS__BODY_SECONDS": str(LIMIT_SECONDS),
    "TACITA_NODE_LIMITS__IMPORT_SECONDS": str(LIMIT_SECONDS),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    root = tmp_path_factory.mktemp("served")
    with served_broker(root, ENVIRONMENT) as broker, served_node(root, ENVIRONMENT) as node:
        yield {"broker": broker, "node": node}


@pytest.fixture(params=["broker", "node"])
def served(request: pytest.FixtureRequest, both: dict[str, Served]) -> Iterator[Served]:
    """One of the two; afterwards it still answers, and has needed little memory."""
    one = both[request.param]
    before = peak_memory(one.process)
    yield one
    assert peak_memory(one.process) - before < GROWTH_BYTES
    assert httpx2.get(f"http://127.0.0.1:{one.port}/healthz", timeout=60).status_code == 200


Attack = Callable[[Served], Iterable[bytes]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def endless(part: bytes, *fields: str) -> Attack:
    return lambda served: itertools.chain([served.head(*fields)], itertools.repeat(part))


def once(*fields: str, body: bytes = b"") -> Attack:
    return lambda served: [served.head(*fields) + body]


def header_without_end(served: Served) -> Iterable[bytes]:
    return itertools.chain([served.head()[:-2] + b"x: "], itertools.repeat(b"a" * 64 * KIB))


def headers_without_end(served: Served) -> Iterable[bytes]:
    return itertools.chain([served.head()[:-2]], itertools.repeat(b"x: 1\r\n" * 1000))


def line_without_end(served: Served) -> Iterable[bytes]:
    del served
    return itertools.chain([b"GET /"], itertools.repeat(b"a" * 64 * KIB))


def trailers_without_end(served: Served) -> Iterable[bytes]:
    head = served.head("transfer-encoding: chunked") + chunk(b"{}") + b"0\r\n"
    return itertools.chain([head], itertools.repeat(b"x: 1\r\n" * 10_000))


def trailer_without_end(served: Served) -> Iterable[bytes]:
    head = served.head("transfer-encoding: chunked") + chunk(b"{}") + b"0\r\nx: "
    return itertools.chain([head], itertools.repeat(b"a" * 64 * KIB))


def chunk_extension_without_end(served: Served) -> Iterable[bytes]:
    return itertools.chain([served.head("transfer-encoding: chunked") + b"2;x="], itertools.repeat(b"a" * 64 * KIB))


BOMB = gzip.compress(bytes(64 * MIB), 9)

FLOODS: dict[str, tuple[Attack, set[int]]] = {
    "a chunked body without end": (endless(chunk(b"a" * 64 * KIB), "transfer-encoding: chunked"), {413}),
    "a chunked body in single bytes without end": (
        endless(chunk(b"a") * 4096, "transfer-encoding: chunked"),
        {408, 413},
    ),
    "one chunk without end": (
        endless(b"a" * 64 * KIB, "transfer-encoding: chunked", "x-first: 1"),
        {400},
    ),
    "a body declared as 1 TiB": (endless(b"a" * 64 * KIB, f"content-length: {1024**4}"), {413}),
    "a compression bomb": (
        once("content-encoding: gzip", f"content-length: {len(BOMB)}", body=BOMB),
        {413, 415},
    ),
    "a compression bomb, chunked": (
        once("content-encoding: gzip", "transfer-encoding: chunked", body=chunk(BOMB) + b"0\r\n\r\n"),
        {413, 415},
    ),
    "a header of 1 MB": (once("x-big: " + "a" * MIB), {400, 431}),
    "a header without end": (header_without_end, {400, 431}),
    "headers without end": (headers_without_end, {400, 431}),
    "a request line without end": (line_without_end, {400, 431}),
    "trailers without end": (trailers_without_end, {400}),
    "a trailer without end": (trailer_without_end, {400, 431}),
    "a chunk's extension without end": (chunk_extension_without_end, {400, 431}),
}


@pytest.mark.parametrize(("attack", "statuses"), FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_is_stopped(served: Served, attack: Attack, statuses: set[int]) -> None:
    done = pour(served.port, attack(served))
    assert done.sent < SOCKET_BYTES
    assert_refused(done, {*statuses, 408})  # on a busy machine the limit of time comes first


def assert_refused(done: Exchange, statuses: set[int]) -> None:
    """Hung up on, or told one of these."""
    assert len(done.statuses) <= 1, "a request hidden in a body was answered"
    assert statuses.issuperset(done.statuses), done.answer[:400]


SLOW: dict[str, Attack] = {
    "a connection that says nothing": lambda _served: itertools.repeat(b""),
    "headers byte by byte": lambda served: (bytes([byte]) for byte in itertools.cycle(served.head()[:-2])),
    "a header that stops": lambda served: itertools.chain([served.head()[:-4]], itertools.repeat(b"")),
    "a body byte by byte": lambda served: itertools.chain(
        [served.head("content-length: 1000")], itertools.repeat(b"a")
    ),
    "a body that does not come": lambda served: itertools.chain(
        [served.head("content-length: 10")], itertools.repeat(b"")
    ),
    "a chunk that stops": lambda served: itertools.chain(
        [served.head("transfer-encoding: chunked") + b"ff\r\na"], itertools.repeat(b"")
    ),
}


@pytest.mark.parametrize("attack", SLOW.values(), ids=SLOW.keys())
def test_a_slow_sender_is_given_up(served: Served, attack: Attack) -> None:
    done = pour(served.port, attack(served), pause=0.05)
    assert_refused(done, {408})
    assert LIMIT_SECONDS * 0.9 < done.seconds < LIMIT_SECONDS * 20


SMUGGLED = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"

AMBIGUOUS: dict[str, tuple[Attack, set[int]]] = {
    "length and chunks": (
        once("content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
        {400},
    ),
    "two lengths": (once("content-length: 2", "content-length: 45", body=b"{}" + SMUGGLED), {400, 413}),
    "a length with a sign": (once("content-length: +2", body=b"{}"), {400, 413}),
    "a length in hexadecimal": (once("content-length: 0x2", body=b"{}"), {400, 413}),
    "another transfer encoding": (once("transfer-encoding: gzip", body=b"{}"), {400, 413, 501}),
    "chunked twice": (once("transfer-encoding: chunked, chunked", body=b"0\r\n\r\n"), {400, 422}),
    "a chunk size with a sign": (once("transfer-encoding: chunked", body=b"-1\r\n\r\n"), {400}),
    "a chunk size over 64 bits": (once("transfer-encoding: chunked", body=b"f" * 20 + b"\r\n"), {400}),
    "a space before the colon": (once("host : 127.0.0.1"), {400, 421}),
    "NUL in a header": (once("x: a\0b"), {400}),
    "a bare line feed in a header": (once("x: a\nhost: evil.example"), {400, 421}),
    "no host": (lambda served: [served.head().replace(b"host:", b"x-host:")], {400, 421}),
    "two hosts": (once("x: 1\r\nhost: evil.example"), {400, 421}),
    "HTTP/0.9": (lambda _served: [b"GET /healthz\r\n\r\n"], {400, 421}),
    "HTTP/2 without asking": (lambda _served: [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], {400, 505}),
    "TLS": (lambda _served: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512)], {400}),
    "an absolute address": (
        lambda served: [served.head(door="http://evil.example/healthz", method="GET")],
        {400},
    ),
    "CONNECT": (lambda served: [served.head(door="evil.example:443", method="CONNECT")], {400, 404, 405}),
}


@pytest.mark.parametrize(("attack", "statuses"), AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_readers_could_understand_differently(served: Served, attack: Attack, statuses: set[int]) -> None:
    done = pour(served.port, attack(served))
    assert_refused(done, statuses)
