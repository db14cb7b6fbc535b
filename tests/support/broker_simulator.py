"""A broker in memory, for tests of nodes alone: it checks signatures and signs answers like a real one, and keeps
statements without looking at them. It lies only when a test makes it (`evil_broker`).

Partners, datasets, agreements and the inbox are here, matches in `match_desk`, the log in `memory_log`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tacita_protocol.api import (
    AgreementBody,
    BrokerInfo,
    Catalogue,
    CosignatureBody,
    DatasetView,
    EnrolRequest,
    Inbox,
    InboxEvent,
    InboxEventType,
    PartnerList,
    PartnerView,
    Problem,
    RevocationList,
    RotationBody,
    StatementBody,
    TokenBody,
    TokenRequest,
    WitnessNext,
    parse_body,
)
from tacita_protocol.crypto.encoding import b64u
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.httpsig import RequestParts, sign_response, verify_request
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.crypto.randomness import random_bytes, random_hex
from tacita_protocol.errors import ProtocolError
from tacita_protocol.statements.agreement import Agreement
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.partner import PartnerCard
from tacita_protocol.statements.statement import Part, unverified
from tests.support.match_desk import MatchDesk
from tests.support.memory_broker import BROKER, MemoryBroker
from tests.support.memory_log import MemoryLog, key_named

URL = "https://broker.test"
ORIGIN = "tacita.test/log"
TOKEN_SECONDS = 600
Answer = tuple[int, Part | None]
T = TypeVar("T")


@dataclass
class BrokerSimulator:
    """One broker. Everything it holds may be looked at and changed by a test.

    `down` makes it answer 503 to everything; `refuse` answers that problem to every write.
    """

    clock: Callable[[], int]
    name: str = BROKER
    signing: SigningKey = field(default_factory=lambda: key_named(BROKER))
    log: MemoryLog = field(default_factory=lambda: MemoryLog(origin=ORIGIN))
    cards: dict[str, str] = field(default_factory=dict)
    datasets: dict[tuple[str, str, int], str] = field(default_factory=dict)
    agreements: list[tuple[str, str]] = field(default_factory=list)
    """(sender, envelope), as they came."""
    enrolled: list[str] = field(default_factory=list)
    inboxes: dict[str, list[InboxEvent]] = field(default_factory=dict)
    cosignatures: list[CosignatureBody] = field(default_factory=list)
    waiting: int = 0
    """Requests that are held open for news."""
    down: bool = False
    refuse: Problem | None = None
    _tokens: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.desk = self.new_desk(MemoryBroker(log=self.log))

    def new_desk(self, memory: MemoryBroker) -> MatchDesk:
        """Who handles matches here."""
        return MatchDesk(self, memory)

    @property
    def log_vkey(self) -> str:
        """The log's key, as the trust file has it."""
        return self.log.signer.vkey

    def info(self) -> BrokerInfo:
        """What `GET /v1/broker` says."""
        return BrokerInfo(
            broker=self.name,
            name="Broker One",
            signing_key=self.signing.verify_key.text,
            log_vkey=self.log_vkey,
            origin=ORIGIN,
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
                Route("/v1/inbox", self._inbox),
                Route("/v1/witness/next", self._witness_next),
                Route("/v1/witness/cosignatures", self._cosignature, methods=["POST"]),
                Route("/v1/matches/{match}/frames/{direction}/{seq:int}", self._put_frame, methods=["PUT"]),
                Route("/v1/matches/{match}/frames/{direction}/{seq:int}", self._get_frame),
                Route("/v1/{rest:path}", self._signed, methods=["GET", "PUT", "POST"]),
            ]
        )

    # What the desk for matches needs.

    def key_of(self, partner: str) -> VerifyKey:
        """The signing key on a partner's card."""
        return VerifyKey.from_text(unverified(PartnerCard, self.cards[partner]).signing_key)

    def card_of(self, partner: str, dataset: str, epoch: int) -> DatasetCard:
        """A published dataset's card."""
        return unverified(DatasetCard, self.datasets[partner, dataset, epoch])

    def tell(self, partner: str, event: InboxEventType, match: str | None = None, agreement: str | None = None) -> None:
        """Put an event into a partner's inbox."""
        events = self.inboxes.setdefault(partner, [])
        events.append(InboxEvent(seq=len(events) + 1, type=event, match=match, agreement=agreement))
        self.news()

    def news(self) -> None:
        """Something changed: let those who wait look again."""
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, look: Callable[[], T | None], seconds: float) -> T | None:
        """What `look` finds within so many seconds, None if nothing."""
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                while (found := look()) is None:
                    await self._news.wait()
                return found
        except TimeoutError:
            return None
        finally:
            self.waiting -= 1

    # Routes that are not signed.

    async def _plain_info(self, _request: Request) -> Response:
        return _json(self.info())

    async def _inbox(self, request: Request) -> Response:
        partner, _ = self._tokens.get(_bearer(request), ("", None))
        after, wait = int(request.query_params["after"]), float(request.query_params["wait"])
        events = await self.until(lambda: self._events(partner, after) or None, wait) or ()
        return _json(Inbox(events=tuple(events), next=events[-1].seq if events else after))

    def _events(self, partner: str, after: int) -> list[InboxEvent]:
        return [event for event in self.inboxes.get(partner, []) if event.seq > after]

    async def _witness_next(self, request: Request) -> Response:
        old, wait = int(request.query_params["old"]), float(request.query_params["wait"])
        size = await self.until(lambda: self.log.size if self.log.size > old else None, wait)
        if size is None:
            return Response(status_code=204)
        proof = tuple(b64u(node) for node in self.log.consistency(old, size))
        return _json(WitnessNext(old=old, proof=proof, checkpoint=self.log.note(size, cosigners=()).decode()))

    async def _cosignature(self, request: Request) -> Response:
        self.cosignatures.append(parse_body(CosignatureBody, await request.body()))
        return Response(status_code=204)

    async def _put_frame(self, request: Request) -> Response:
        match = self.desk.matches[request.path_params["match"]]
        frame, direction = await request.body(), Direction(request.path_params["direction"])
        status = self.desk.put_frame(match, direction, request.path_params["seq"], frame)
        self.news()
        return _json(_problem(status), status) if status >= 400 else Response(status_code=status)

    async def _get_frame(self, request: Request) -> Response:
        match = self.desk.matches[request.path_params["match"]]
        direction, sequence = Direction(request.path_params["direction"]), request.path_params["seq"]

        def look() -> bytes | None:
            return b"" if match.closed is not None else self.desk.frame(match, direction, sequence)

        frame = await self.until(look, float(request.query_params["wait"]))
        if match.closed is not None:
            return _json(_problem(410), 410)
        return Response(status_code=204) if frame is None else Response(frame)

    # Signed routes.

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
        try:
            verified = verify_request(parts, headers, resolve=self._resolver(parts.path, body), now=self.clock())
        except ProtocolError:
            return _json(Problem.of(401, "signature", "Unauthorized", "No."), 401)
        status, answer = self._answer(request.method, request.url.path, verified.keyid, body)
        if request.method != "GET":
            self.news()
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

    def _resolver(self, path: str, body: bytes) -> Callable[[str], VerifyKey]:
        if path != "/v1/enrolments":
            return self.key_of
        card = unverified(PartnerCard, parse_body(EnrolRequest, body).card)
        return lambda _: VerifyKey.from_text(card.signing_key)

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
            case "POST", ["rotations"]:
                self.cards[sender] = parse_body(RotationBody, body).card
                return 201, None
            case "GET", ["revocations"]:
                return 200, RevocationList(revocations=(), next=0)
            case "PUT", ["datasets", dataset, epoch]:
                self.datasets[sender, dataset, int(epoch)] = parse_body(StatementBody, body).envelope
                return 204, None
            case "GET", ["catalogue"]:
                return 200, Catalogue(datasets=tuple(DatasetView(card=card) for card in self.datasets.values()))
            case "POST", ["tokens"]:
                return 200, self._token(sender, parse_body(TokenRequest, body))
            case "POST", ["agreements"]:
                self._agreement(sender, parse_body(AgreementBody, body).envelope)
                return 204, None
            case "GET", ["agreements", agreement]:
                found = [held for _, held in self.agreements if unverified(Agreement, held).agreement == agreement]
                return (200, AgreementBody(envelope=found[-1])) if found else (404, _problem(404))
            case "POST", ["matches"]:
                return 201, self.desk.request(sender, parse_body(StatementBody, body).envelope)
            case "GET", ["matches", match] if match in self.desk.matches:
                return 200, self.desk.view(self.desk.matches[match], sender)
            case "POST", ["matches", match, step] if match in self.desk.matches:
                self.desk.say(self.desk.matches[match], sender, step, parse_body(StatementBody, body).envelope)
                return 204, None
            case _:
                return 404, _problem(404)

    def _token(self, partner: str, asked: TokenRequest) -> TokenBody:
        token = random_hex(16)
        self._tokens[token] = partner, asked.match
        return TokenBody(token=token, expires=self.clock() + TOKEN_SECONDS)

    def _agreement(self, sender: str, envelope: str) -> None:
        agreement = unverified(Agreement, envelope)
        self.agreements.append((sender, envelope))
        for party in agreement.parties:
            if party.partner != sender:
                self.tell(party.partner, InboxEventType.AGREEMENT, agreement=agreement.agreement)


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _json(body: Part, status: int = 200) -> Response:
    return Response(body.model_dump_json(), status, media_type="application/json")


def _problem(status: int) -> Problem:
    return Problem(type="urn:tacita:problem:not-found", title="No", status=status, detail="No.")
