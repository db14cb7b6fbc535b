"""BrokerClient against a scripted broker that checks signatures and signs answers with the real profile."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2
import pytest

from tacita_protocol.api import BrokerInfo, Inbox, Problem, PromiseBody, TokenBody, TokenRequest, parse_body
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.httpsig import RequestParts, sign_response, verify_request
from tacita_protocol.crypto.keys import SigningKey
from tacita_protocol.statements.statement import Part
from tacita_sdk.broker import BrokerClient
from tacita_sdk.errors import BrokerProblem, BrokerUnreachable, ResponseUntrusted
from tacita_sdk.retry import RetryPolicy

NOW = 1_800_000_000
MATCH = "ab" * 16
BROKER = SigningKey.from_seed(bytes(32))
OWN = SigningKey.from_seed(bytes([1]) * 32)

T = TypeVar("T")
Route = Callable[["Scripted", httpx2.Request], httpx2.Response]


@dataclass
class Scripted:
    """Answers each request by the route of its path, signed, and notes what came."""

    routes: dict[str, Route]
    clock: Callable[[], int] = lambda: NOW
    signer: SigningKey = BROKER
    seen: list[httpx2.Request] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        answer = self.routes[request.url.path](self, request)
        # As from a network: a body that is yet to be read.
        return httpx2.Response(
            answer.status_code, headers=answer.headers.multi_items(), stream=httpx2.ByteStream(answer.content)
        )

    def signed(self, request: httpx2.Request, status: int, body: bytes = b"") -> httpx2.Response:
        """A signed answer to a request whose own signature holds and whose nonce is new."""
        parts = parts_of(request)
        headers = dict(request.headers)
        verified = verify_request(parts, headers, resolve=lambda _: OWN.verify_key, now=self.clock())
        assert verified.keyid == "first-bank"
        assert verified.nonce not in self.nonces
        self.nonces.add(verified.nonce)
        signature = sign_response(
            status, body, request=parts, request_headers=headers, key=self.signer, keyid="hub", now=self.clock()
        )
        return httpx2.Response(status, content=body, headers=signature)


def parts_of(request: httpx2.Request) -> RequestParts:
    return RequestParts(
        method=request.method,
        authority=request.headers["host"],
        path=request.url.raw_path.decode().partition("?")[0],
        query=request.url.query.decode(),
        content_type=request.headers.get("content-type"),
        body=request.content,
    )


def with_client(broker: Scripted, use: Callable[[BrokerClient], Awaitable[T]], *, broker_id: str | None = "hub") -> T:
    async def run() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(broker)) as client:
            return await use(
                BrokerClient(
                    "http://hub.test:8440",
                    broker_key=BROKER.verify_key,
                    partner="first-bank",
                    signing_key=OWN,
                    clock=broker.clock,
                    client=client,
                    broker_id=broker_id,
                    retry=RetryPolicy(attempts=3, first_pause=0.0001, longest_pause=0.001),
                )
            )

    return asyncio.run(run())


def signed_json(status: int, body: Part) -> Route:
    return lambda broker, request: broker.signed(request, status, body.model_dump_json().encode())


PROMISE = PromiseBody(promise='{"payload":""}')


def ask(client: BrokerClient) -> Awaitable[PromiseBody]:
    return client.request_match('{"payload":""}')


def test_a_signed_exchange_gives_the_answer() -> None:
    broker = Scripted({"/v1/matches": signed_json(201, PROMISE)})
    assert with_client(broker, ask) == PROMISE


def test_a_query_and_an_empty_answer_are_signed_too() -> None:
    broker = Scripted({f"/v1/matches/{MATCH}/receipt": lambda b, r: b.signed(r, 204)})
    with_client(broker, lambda client: client.send_statement(MATCH, "receipt", "{}"))
    assert broker.seen[0].content == b'{"envelope":"{}"}'


def answered_by_another_key(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    broker.signer = OWN
    return broker.signed(request, 201, PROMISE.model_dump_json().encode())


def unsigned(_broker: Scripted, _request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(201, content=PROMISE.model_dump_json().encode())


def changed_body(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    answer = broker.signed(request, 201, PROMISE.model_dump_json().encode())
    return httpx2.Response(201, content=b'{"promise":"{ }"}', headers=answer.headers)


def changed_status(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    answer = broker.signed(request, 202, PROMISE.model_dump_json().encode())
    return httpx2.Response(201, content=PROMISE.model_dump_json().encode(), headers=answer.headers)


def signed_error_changed(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    answer = broker.signed(request, 409, b"{}")
    return httpx2.Response(404, content=b"{}", headers=answer.headers)


def repeated_signature(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    answer = broker.signed(request, 201, PROMISE.model_dump_json().encode())
    headers = [*answer.headers.multi_items(), ("signature", answer.headers["signature"])]
    return httpx2.Response(201, content=PROMISE.model_dump_json().encode(), headers=headers)


def redirect(_broker: Scripted, _request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(307, headers={"location": "http://elsewhere.test/"})


def compressed(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    body = PROMISE.model_dump_json().encode()
    answer = broker.signed(request, 201, body)
    return httpx2.Response(201, content=gzip.compress(body), headers={**answer.headers, "content-encoding": "gzip"})


def unknown_field(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    return broker.signed(request, 201, b'{"promise":"{}","more":1}')


def key_twice(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
    return broker.signed(request, 201, b'{"promise":"{}","promise":"{}"}')


@pytest.mark.parametrize(
    "route",
    [
        answered_by_another_key,
        unsigned,
        changed_body,
        changed_status,
        signed_error_changed,
        repeated_signature,
        redirect,
        compressed,
        unknown_field,
        key_twice,
    ],
)
def test_an_answer_that_is_not_provably_the_brokers_is_refused(route: Route) -> None:
    broker = Scripted({"/v1/matches": route})
    with pytest.raises(ResponseUntrusted):
        with_client(broker, ask)


def test_an_answer_to_another_request_is_refused() -> None:
    first: list[httpx2.Response] = []

    def replay(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        answer = broker.signed(request, 201, PROMISE.model_dump_json().encode())
        first.append(answer)
        return httpx2.Response(201, content=PROMISE.model_dump_json().encode(), headers=first[0].headers)

    async def twice(client: BrokerClient) -> None:
        await ask(client)
        await ask(client)

    with pytest.raises(ResponseUntrusted):
        with_client(Scripted({"/v1/matches": replay}), twice)


def test_an_answer_larger_than_allowed_is_not_read_to_its_end() -> None:
    def endless(_broker: Scripted, _request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=b"x" * (65 * 1024))

    with pytest.raises(ResponseUntrusted):
        with_client(Scripted({"/v1/trust": endless}), lambda client: client.trust())


def test_a_problem_becomes_an_error_with_its_code() -> None:
    body = b'{"type":"urn:tacita:problem:grant-used","title":"Conflict","status":409,"detail":"It was used."}'
    broker = Scripted({"/v1/matches": lambda b, r: b.signed(r, 409, body)})
    with pytest.raises(BrokerProblem) as caught:
        with_client(broker, ask)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (409, "grant-used", "It was used.")
    assert len(broker.seen) == 1


def test_an_error_that_says_nothing_readable_is_still_an_error() -> None:
    broker = Scripted({"/v1/matches": lambda _b, _r: httpx2.Response(400, content=b"<html>")})
    with pytest.raises(BrokerProblem) as caught:
        with_client(broker, ask)
    assert caught.value.code == "unknown"


def test_an_unavailable_broker_is_asked_again_with_a_new_signature() -> None:
    def busy_twice(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        if len(broker.seen) < 3:
            broker.signed(request, 503)
            return httpx2.Response(503)
        return broker.signed(request, 201, PROMISE.model_dump_json().encode())

    broker = Scripted({"/v1/matches": busy_twice})
    assert with_client(broker, ask) == PROMISE
    assert len(broker.nonces) == 3
    assert len({request.content for request in broker.seen}) == 1


def test_a_request_that_something_on_the_way_delivered_twice_is_signed_anew() -> None:
    def replayed_twice(broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        if len(broker.seen) < 3:
            broker.signed(request, 201)  # the answer to the first delivery, which is lost
            return httpx2.Response(401, json=problem(401, "replayed"))
        return broker.signed(request, 201, PROMISE.model_dump_json().encode())

    broker = Scripted({"/v1/matches": replayed_twice})
    assert with_client(broker, ask) == PROMISE
    assert len(broker.nonces) == 3


def test_any_other_refusal_of_a_signature_is_final() -> None:
    broker = Scripted({"/v1/matches": lambda _broker, _request: httpx2.Response(401, json=problem(401, "signature"))})
    with pytest.raises(BrokerProblem, match="no"):
        with_client(broker, ask)
    assert len(broker.seen) == 1


def problem(status: int, code: str) -> dict[str, str | int]:
    return Problem.of(status, code, "no", "no").model_dump()


def test_a_broker_that_stays_away_is_unreachable() -> None:
    def down(_broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    broker = Scripted({"/v1/matches": down})
    with pytest.raises(BrokerUnreachable):
        with_client(broker, ask)
    assert len(broker.seen) == 3


def test_an_enrolment_is_sent_once() -> None:
    def down(_broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("reset", request=request)

    broker = Scripted({"/v1/enrolments": down})
    with pytest.raises(BrokerUnreachable):
        with_client(broker, lambda client: client.enrol("code", "{}"))
    assert len(broker.seen) == 1


def info(key: SigningKey) -> Route:
    body = BrokerInfo(
        broker="hub",
        name="Hub",
        signing_key=key.verify_key.text,
        log_vkey="hub.test/log+00000000+AQ",
        origin="hub.test/log",
        version="0.1.0",
    )
    return lambda _broker, _request: httpx2.Response(200, content=body.model_dump_json().encode())


def test_the_brokers_id_is_learned_from_its_description() -> None:
    broker = Scripted({"/v1/broker": info(BROKER), "/v1/matches": signed_json(201, PROMISE)})
    assert with_client(broker, ask, broker_id=None) == PROMISE


def test_a_description_with_another_key_is_refused() -> None:
    broker = Scripted({"/v1/broker": info(OWN), "/v1/matches": signed_json(201, PROMISE)})
    with pytest.raises(ResponseUntrusted):
        with_client(broker, ask, broker_id=None)


@dataclass
class Tokens:
    """Issues numbered tokens and answers frames under the newest one only."""

    lifetime: int = 600
    issued: int = 0
    asked: list[TokenRequest] = field(default_factory=list)

    def token(self, broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        self.issued += 1
        self.asked.append(parse_body(TokenRequest, request.content))
        body = TokenBody(token=f"token-{self.issued}", expires=broker.clock() + self.lifetime)
        return broker.signed(request, 200, body.model_dump_json().encode())

    def frame(self, _broker: Scripted, request: httpx2.Request) -> httpx2.Response:
        if request.headers["authorization"] != f"Bearer token-{self.issued}":
            return httpx2.Response(401)
        assert "signature" not in request.headers
        return httpx2.Response(200, content=b"sealed")

    def broker(self, clock: Callable[[], int] = lambda: NOW) -> Scripted:
        path = f"/v1/matches/{MATCH}/frames/responder/0"
        return Scripted({"/v1/tokens": self.token, path: self.frame}, clock=clock)


async def frame(client: BrokerClient) -> bytes | None:
    return await client.frame(MATCH, Direction.RESPONDER, 0)


def test_one_token_serves_many_frames_at_once() -> None:
    tokens = Tokens()

    async def many(client: BrokerClient) -> list[bytes | None]:
        return await asyncio.gather(*(frame(client) for _ in range(5)))

    assert with_client(tokens.broker(), many) == [b"sealed"] * 5
    assert tokens.issued == 1
    assert (tokens.asked[0].scope.value, tokens.asked[0].match) == ("frames", MATCH)


def test_a_token_near_its_end_is_replaced_before_it_is_used() -> None:
    tokens, now = Tokens(), [NOW]

    async def later(client: BrokerClient) -> None:
        await frame(client)
        now[0] += 545
        await frame(client)

    with_client(tokens.broker(lambda: now[0]), later)
    assert tokens.issued == 2


def test_a_token_that_the_broker_forgot_is_replaced_once() -> None:
    tokens = Tokens()

    async def forgotten(client: BrokerClient) -> bytes | None:
        await frame(client)
        tokens.issued += 1
        return await frame(client)

    assert with_client(tokens.broker(), forgotten) == b"sealed"


def test_a_broker_that_takes_no_token_is_not_asked_for_ever() -> None:
    tokens = Tokens()
    broker = tokens.broker()
    broker.routes[f"/v1/matches/{MATCH}/frames/responder/0"] = lambda _b, _r: httpx2.Response(401)
    with pytest.raises(BrokerProblem):
        with_client(broker, frame)
    assert tokens.issued == 2


def test_no_frame_yet_is_none_and_an_empty_inbox_is_empty() -> None:
    tokens = Tokens()
    broker = tokens.broker()
    broker.routes[f"/v1/matches/{MATCH}/frames/responder/0"] = lambda _b, _r: httpx2.Response(204)
    empty = Inbox(events=(), next=7)
    broker.routes["/v1/inbox"] = lambda _b, _r: httpx2.Response(200, content=empty.model_dump_json().encode())
    assert with_client(broker, frame) is None
    assert with_client(broker, lambda client: client.inbox(7)) == empty
    assert broker.seen[-1].url.query == b"after=7&wait=25"


@pytest.mark.parametrize(
    "url", ["ftp://hub.test", "http://hub.test/api", "http://me@hub.test", "hub.test", "http://hub.test?x=1"]
)
def test_an_address_with_more_than_a_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        BrokerClient(
            url,
            broker_key=BROKER.verify_key,
            partner="first-bank",
            signing_key=OWN,
            clock=lambda: NOW,
            client=httpx2.AsyncClient(),
        )
