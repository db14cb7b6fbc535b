"""A broker in memory, for tests of a node alone: it checks signatures and signs answers like a real one, and keeps
statements without looking at them. It lies only when a test makes it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tacita_protocol.api import (
    AgreementBody,
    BrokerInfo,
    Catalogue,
    DatasetView,
    EnrolRequest,
    Inbox,
    PartnerList,
    PartnerView,
    Problem,
    StatementBody,
    TokenBody,
    parse_body,
)
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.httpsig import RequestParts, sign_response, verify_request
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.crypto.randomness import random_bytes
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Part, unverified
from tacita_protocol.tlog.note import NoteSigner
from tests.support.memory_log import key_named

URL = "https://broker.test"
TOKEN_SECONDS = 600
Answer = tuple[int, Part | None]


@dataclass
class BrokerSimulator:
    """One broker. Everything it holds may be looked at and changed by a test.

    `down` makes it answer 503 to everything; `refuse` answers that problem to every write.
    """

    clock: Callable[[], int]
    name: str = "broker-one"
    signing: SigningKey = field(default_factory=lambda: key_named("simulated broker"))
    log: SigningKey = field(default_factory=lambda: key_named("simulated log"))
    cards: dict[str, str] = field(default_factory=dict)
    datasets: dict[tuple[str, str, int], str] = field(default_factory=dict)
    agreements: list[tuple[str, str]] = field(default_factory=list)
    """(sender, envelope), as they came."""
    enrolled: list[str] = field(default_factory=list)
    down: bool = False
    refuse: Problem | None = None

    @property
    def log_vkey(self) -> str:
        """The log's key, as the trust file has it."""
        return NoteSigner("tacita.test/log", self.log).vkey

    def info(self) -> BrokerInfo:
        """What `GET /v1/broker` says."""
        return BrokerInfo(
            broker=self.name,
            name="Broker One",
            signing_key=self.signing.verify_key.text,
            log_vkey=self.log_vkey,
            origin="tacita.test/log",
            version="0.1.0",
        )

    def invitation(self) -> str:
        """An invitation code."""
        return f"{b64u(random_bytes(24))}.{self.signing.verify_key.text}"

    def app(self) -> Starlette:
        """The broker as an ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/broker", self._plain_info),
                Route("/v1/inbox", self._long_poll),
                Route("/v1/witness/next", self._long_poll),
                Route("/v1/{rest:path}", self._signed, methods=["GET", "PUT", "POST"]),
            ]
        )

    async def _plain_info(self, _request: Request) -> Response:
        return Response(self.info().model_dump_json(), media_type="application/json")

    async def _long_poll(self, request: Request) -> Response:
        """Nothing ever happens: the answer comes after the asked time."""
        await asyncio.sleep(float(request.query_params["wait"]))
        if request.url.path == "/v1/inbox":
            inbox = Inbox(events=(), next=int(request.query_params["after"]))
            return Response(inbox.model_dump_json(), media_type="application/json")
        return Response(status_code=204)

    async def _signed(self, request: Request) -> Response:
        if self.down:
            return Response(status_code=503)
        body = await request.body()
        parts = RequestParts(
            method=request.method,
            authority=request.headers["host"],
            path=request.url.path,
            query=request.url.query,
            content_type=request.headers.get("content-type"),
            body=body,
        )
        headers = {name.lower(): value for name, value in request.headers.items()}
        key = self._key_for(request.url.path, body)
        try:
            verified = verify_request(parts, headers, resolve=key, now=self.clock())
        except ProtocolError:
            return Response(status_code=401)
        status, answer = self._answer(request.method, request.url.path, verified.keyid, body)
        content = b"" if answer is None else answer.model_dump_json().encode()
        return Response(content, status, self._signature(status, content, parts, headers), "application/json")

    def _signature(
        self, status: int, content: bytes, parts: RequestParts, headers: Mapping[str, str]
    ) -> dict[str, str]:
        return sign_response(
            status,
            content,
            request=parts,
            request_headers=headers,
            key=self.signing,
            keyid=self.name,
            now=self.clock(),
        )

    def _key_for(self, path: str, body: bytes) -> Callable[[str], VerifyKey]:
        def key(keyid: str) -> VerifyKey:
            card = parse_body(EnrolRequest, body).card if path == "/v1/enrolments" else self.cards[keyid]
            return VerifyKey.from_text(unverified(PartnerCard, card).signing_key)

        return key

    def _answer(self, method: str, path: str, sender: str, body: bytes) -> Answer:
        if method != "GET" and self.refuse is not None:
            return self.refuse.status, self.refuse
        match method, path.removeprefix("/v1/").split("/"):
            case "POST", ["enrolments"]:
                card = parse_body(EnrolRequest, body).card
                self.cards[sender] = card
                self.enrolled.append(card)
                return 201, None
            case "GET", ["partners"]:
                views = [PartnerView(partner=partner, card=card, entry=None) for partner, card in self.cards.items()]
                return 200, PartnerList(partners=tuple(views))
            case "GET", ["partners", partner] if partner in self.cards:
                return 200, PartnerView(partner=partner, card=self.cards[partner], entry=None)
            case "PUT", ["datasets", dataset, epoch]:
                self.datasets[sender, dataset, int(epoch)] = parse_body(StatementBody, body).envelope
                return 204, None
            case "GET", ["catalogue"]:
                return 200, Catalogue(datasets=tuple(DatasetView(card=card) for card in self.datasets.values()))
            case "POST", ["tokens"]:
                return 200, TokenBody(token="A" * 43, expires=self.clock() + TOKEN_SECONDS)
            case "POST", ["agreements"]:
                envelope = parse_body(AgreementBody, body).envelope
                unverified(Agreement, envelope)
                self.agreements.append((sender, envelope))
                return 204, None
            case _:
                problem = Problem(type="urn:tacita:problem:not-found", title="Not Found", status=404, detail="No.")
                return 404, problem
