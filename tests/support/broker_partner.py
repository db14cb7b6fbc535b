"""A partner for the broker's tests: its keys, and requests signed with them over the in-process transport."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

from tacita_broker.config import Settings
from tacita_protocol.api import TokenBody, TokenRequest, TokenScope, parse_body
from tacita_protocol.crypto.httpsig import RequestParts, sign_request, verify_response
from tacita_protocol.crypto.keys import SealingKey, SigningKey, VerifyKey
from tacita_protocol.statements.partner import LegalEntity, PartnerCard
from tacita_protocol.statements.statement import Part, Signed, sign_statement
from tacita_protocol.statements.vocabulary import PartnerKind
from tacita_protocol.tlog.note import CosignatureSigner

JSON_TYPE = "application/json"


@dataclass
class Partner:
    """Signs requests as one partner. Each 2xx answer's signature is verified."""

    name: str
    client: httpx2.AsyncClient
    clock: Callable[[], int]
    settings: Settings
    key: SigningKey
    sealing: SealingKey
    cosigner: CosignatureSigner
    _tokens: dict[str | None, str] = field(default_factory=dict)

    @classmethod
    def new(cls, name: str, client: httpx2.AsyncClient, clock: Callable[[], int], settings: Settings) -> "Partner":
        """A partner with fresh keys."""
        cosigner = CosignatureSigner(name, SigningKey.generate())
        return cls(name, client, clock, settings, SigningKey.generate(), SealingKey.generate(), cosigner)

    async def get(self, target: str) -> httpx2.Response:
        """A signed GET."""
        return await self.send("GET", target)

    async def post(self, target: str, body: Part) -> httpx2.Response:
        """A signed POST of a JSON body."""
        return await self.send("POST", target, body.model_dump_json().encode())

    async def put(self, target: str, body: Part) -> httpx2.Response:
        """A signed PUT of a JSON body."""
        return await self.send("PUT", target, body.model_dump_json().encode())

    async def send(
        self, method: str, target: str, body: bytes = b"", *, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """A signed request; `headers` replaces the signature's (to send a stolen or damaged one)."""
        parts = self.parts(method, target, body)
        signed = self.sign(method, target, body) if headers is None else headers
        typed = {} if parts.content_type is None else {"content-type": parts.content_type}
        answer = await self.client.request(method, target, content=body, headers={**typed, **signed})
        if answer.status_code < 300:
            verify_response(
                answer.status_code,
                answer.content,
                answer.headers,
                request=parts,
                request_headers=signed,
                key=VerifyKey.from_text(self.settings.signing_key),
                keyid=self.settings.broker,
                now=self.clock(),
            )
        return answer

    def sign(self, method: str, target: str, body: bytes = b"") -> dict[str, str]:
        """The signature's headers for a request."""
        return sign_request(self.parts(method, target, body), self.key, keyid=self.name, now=self.clock())

    def parts(self, method: str, target: str, body: bytes) -> RequestParts:
        """What the signature covers."""
        url = urlsplit(target)
        content_type = None if method == "GET" else JSON_TYPE
        return RequestParts(method, self.client.base_url.netloc.decode(), url.path, url.query, content_type, body)

    async def token(self, match: str | None = None) -> str:
        """A bearer token for the inbox, or for the frames of a match."""
        if match not in self._tokens:
            scope = TokenScope.INBOX if match is None else TokenScope.FRAMES
            answer = await self.post("/v1/tokens", TokenRequest(scope=scope, match=match))
            assert answer.status_code == 200, answer.text
            self._tokens[match] = parse_body(TokenBody, answer.content).token
        return self._tokens[match]

    def forget_tokens(self) -> None:
        """The broker takes none of them any more: it was started anew, or its clock went back."""
        self._tokens.clear()

    async def put_frame(self, match: str, direction: str, seq: int, frame: bytes) -> httpx2.Response:
        """Hand in a frame under a bearer token."""
        headers = {"authorization": f"Bearer {await self.token(match)}", "content-type": "application/octet-stream"}
        return await self.client.put(f"/v1/matches/{match}/frames/{direction}/{seq}", content=frame, headers=headers)

    async def frame(self, match: str, direction: str, seq: int, wait: int = 0) -> httpx2.Response:
        """Fetch a frame under a bearer token."""
        headers = {"authorization": f"Bearer {await self.token(match)}"}
        return await self.client.get(f"/v1/matches/{match}/frames/{direction}/{seq}?wait={wait}", headers=headers)

    async def inbox(self, after: int = 0, wait: int = 0) -> httpx2.Response:
        """Read the inbox under a bearer token."""
        headers = {"authorization": f"Bearer {await self.token()}"}
        return await self.client.get(f"/v1/inbox?after={after}&wait={wait}", headers=headers)


def card_of(partner: Partner, kind: PartnerKind) -> Signed[PartnerCard]:
    """The partner's self-signed card."""
    card = PartnerCard(
        partner=partner.name,
        name=partner.name.replace("-", " ").title(),
        kind=kind,
        jurisdictions=("GB",),
        legal_entity=LegalEntity(name=f"{partner.name} limited", register_=None, number=None),
        credentials=(),
        signing_key=partner.key.verify_key.text,
        sealing_key=partner.sealing.public_key.text,
        witness_key=partner.cosigner.verifier.key.text,
        contact="desk",
        issued=partner.clock(),
    )
    return sign_statement(card, partner.key)
