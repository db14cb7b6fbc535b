"""A partner's view of the broker: one method for each route of the broker's API.

Statements travel as envelopes (text); this client signs requests and verifies answers, but what a statement says and
who signed it is for the caller to verify (`tacita_protocol.statements`, `tacita_protocol.session`).

Everything but an enrolment may be repeated: a statement is named by its bytes, so the broker answers the same bytes
the same way twice.
"""

import asyncio
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import quote

import httpx2

from tacita_protocol.api import (
    AgreementBody,
    BrokerInfo,
    Catalogue,
    CosignatureBody,
    EnrolRequest,
    Inbox,
    MatchView,
    PartnerList,
    PartnerView,
    PromiseBody,
    RevocationList,
    RotationBody,
    StatementBody,
    TokenBody,
    TokenRequest,
    TokenScope,
    WitnessNext,
)
from tacita_protocol.crypto.frames import MAX_FRAME_PLAINTEXT, Direction
from tacita_protocol.crypto.keys import SigningKey, VerifyKey
from tacita_protocol.statements.statement import Part
from tacita_sdk.errors import BrokerProblem, ResponseUntrusted
from tacita_sdk.retry import RetryPolicy
from tacita_sdk.signed_http import Answer, Call, Clock, SignedHttp, read_model

LONG_POLL_SECONDS = 25
"""How long the broker is asked to hold a request that has no answer yet."""

FRAME_MAX_BYTES = MAX_FRAME_PLAINTEXT + 1024
TRUST_MAX_BYTES = 64 * 1024
LOG_OBJECT_MAX_BYTES = 256 * (2 + 65535)
"""A full bundle of 256 entries, each with its two bytes of length."""

TOKEN_MARGIN_SECONDS = 60
"""A bearer token this close to its end is replaced before it is used."""

Step = Literal["acceptance", "refusal", "open", "receipt"]


@dataclass
class _Token:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: TokenBody | None = None


class BrokerClient:
    """The broker's HTTP API for one partner.

    Args:
        base_url: `http(s)://host[:port]`.
        broker_key: the broker's signing key, pinned from the invitation.
        broker_id: the broker's id; without it the first signed call asks `GET /v1/broker`, whose key must be the
            pinned one.
        partner: own partner id, the `keyid` of every signed request.
        signing_key: own signing key (the one in the partner card).
        clock: unix seconds.
        client: the process's one HTTP client; the caller closes it.

    Every method raises `BrokerProblem` (the broker says no), `BrokerUnreachable`, or `ResponseUntrusted`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        broker_key: VerifyKey,
        partner: str,
        signing_key: SigningKey,
        clock: Clock,
        client: httpx2.AsyncClient,
        broker_id: str | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._http = SignedHttp(
            base_url,
            client=client,
            clock=clock,
            broker_key=broker_key,
            keyid=partner,
            signing_key=signing_key,
            retry=retry,
        )
        self._broker_key = broker_key
        self._broker_id = broker_id
        self._clock = clock
        self._tokens: dict[tuple[TokenScope, str | None], _Token] = {}

    # --- who is there -------------------------------------------------------------------------------------------

    async def info(self) -> BrokerInfo:
        """The broker's public description. Raises `ResponseUntrusted` when its key or id is not the pinned one."""
        info = read_model(BrokerInfo, await self._http.plain(Call("GET", "/v1/broker")))
        if info.signing_key != self._broker_key.text or self._broker_id not in (None, info.broker):
            raise ResponseUntrusted("this is not the broker that the invitation came from")
        self._broker_id = info.broker
        return info

    async def time(self) -> int | None:
        """What time it is there (unix seconds), None if it does not say; asked once. Unsigned: for a diagnosis only."""
        answer = await self._http.plain(Call("GET", "/v1/broker", repeatable=False))
        read_model(BrokerInfo, answer)
        try:
            return int(parsedate_to_datetime(answer.headers.get("date", "")).timestamp())
        except ValueError:
            return None

    async def enrol(self, invitation: str, card: str) -> None:
        """Presents the self-signed card with a one-time invitation. Not repeated: an invitation counts once."""
        body = EnrolRequest(invitation=invitation, card=card)
        await self._post("/v1/enrolments", body, repeatable=False)

    async def partners(self) -> PartnerList:
        """The approved partners with their cards."""
        return read_model(PartnerList, await self._get("/v1/partners"))

    async def partner(self, partner: str) -> PartnerView:
        """One partner's card and its log entry."""
        return read_model(PartnerView, await self._get(f"/v1/partners/{_segment(partner)}"))

    # --- datasets and agreements --------------------------------------------------------------------------------

    async def publish_dataset(self, dataset: str, epoch: int, card: str) -> None:
        """Publishes a dataset card for one epoch."""
        await self._send("PUT", f"/v1/datasets/{_segment(dataset)}/{epoch}", StatementBody(envelope=card))

    async def catalogue(self) -> Catalogue:
        """The dataset cards that this partner's kind may discover."""
        return read_model(Catalogue, await self._get("/v1/catalogue"))

    async def send_agreement(self, envelope: str) -> None:
        """Sends an agreement with one signature (forwarded to the other party) or with both (stored and logged)."""
        await self._post("/v1/agreements", AgreementBody(envelope=envelope))

    async def agreement(self, agreement: str) -> AgreementBody:
        """An agreement that this partner is a party to."""
        return read_model(AgreementBody, await self._get(f"/v1/agreements/{_segment(agreement)}"))

    # --- taking back --------------------------------------------------------------------------------------------

    async def revoke(self, envelope: str) -> None:
        """Sends the revocation of an own dataset or agreement."""
        await self._post("/v1/revocations", StatementBody(envelope=envelope))

    async def revocations(self, after: int) -> RevocationList:
        """The revocations after number `after` that concern this partner, a page of them."""
        call = Call("GET", "/v1/revocations", query=f"after={after}")
        return read_model(RevocationList, await self._http.signed(call, broker_id=await self._known_broker()))

    async def rotate(self, rotation: str, card: str) -> None:
        """Puts a new card in force, signed with the old key. Not repeated: once taken, the old key is refused."""
        await self._post("/v1/rotations", RotationBody(rotation=rotation, card=card), repeatable=False)

    # --- matches ------------------------------------------------------------------------------------------------

    async def request_match(self, envelope: str) -> PromiseBody:
        """Sends a MatchRequest; the broker's promise to log it comes back."""
        return read_model(PromiseBody, await self._post("/v1/matches", StatementBody(envelope=envelope)))

    async def match(self, match: str) -> MatchView:
        """Everything that the broker holds about a match of this partner."""
        return read_model(MatchView, await self._get(f"/v1/matches/{_segment(match)}"))

    async def send_statement(self, match: str, step: Step, envelope: str) -> None:
        """Sends the acceptance, refusal, open or receipt of a match."""
        await self._post(f"/v1/matches/{_segment(match)}/{step}", StatementBody(envelope=envelope))

    async def put_frame(self, match: str, direction: Direction, sequence: int, frame: bytes) -> None:
        """Hands over one encrypted frame. The same bytes may be sent again; other bytes are refused (409)."""
        call = Call("PUT", _frame_path(match, direction, sequence), body=frame, content_type="application/octet-stream")
        await self._bearer(call, TokenScope.FRAMES, match)

    async def frame(
        self, match: str, direction: Direction, sequence: int, *, wait: int = LONG_POLL_SECONDS
    ) -> bytes | None:
        """One frame of that direction; None when it did not come within `wait` seconds.

        `BrokerProblem` with status 410: the match has ended.
        """
        path = _frame_path(match, direction, sequence)
        call = Call("GET", path, query=f"wait={wait}", wait=wait, max_bytes=FRAME_MAX_BYTES)
        answer = await self._bearer(call, TokenScope.FRAMES, match)
        return None if answer.status == 204 else answer.body

    async def inbox(self, after: int, *, wait: int = LONG_POLL_SECONDS) -> Inbox:
        """Events after number `after`; empty when none came within `wait` seconds. Events are hints, not statements."""
        call = Call("GET", "/v1/inbox", query=f"after={after}&wait={wait}", wait=wait)
        return read_model(Inbox, await self._bearer(call, TokenScope.INBOX, None))

    def forget_match(self, match: str) -> None:
        """Drops the bearer token of a match that has ended."""
        self._tokens.pop((TokenScope.FRAMES, match), None)

    # --- the log ------------------------------------------------------------------------------------------------

    async def trust(self) -> str | None:
        """The federation's trust policy as the broker offers it, or None before it is issued.

        Never followed on its own: an operator compares it out of band.
        """
        try:
            answer = await self._http.plain(Call("GET", "/v1/trust", max_bytes=TRUST_MAX_BYTES))
        except BrokerProblem as problem:
            if problem.status == 404:
                return None
            raise
        return _text(answer)

    async def log_object(self, path: str) -> bytes:
        """A file of the log, `path` as in C2SP tlog-tiles (`checkpoint`, `tile/0/000`, `tile/entries/000.p/3`)."""
        answer = await self._http.plain(Call("GET", f"/log/{quote(path)}", max_bytes=LOG_OBJECT_MAX_BYTES))
        return answer.body

    async def witness_next(self, old: int, *, wait: int = LONG_POLL_SECONDS) -> WitnessNext | None:
        """The next checkpoint to cosign after tree size `old`, with its consistency proof, or None after `wait`."""
        answer = await self._http.plain(Call("GET", "/v1/witness/next", query=f"old={old}&wait={wait}", wait=wait))
        return None if answer.status == 204 else read_model(WitnessNext, answer)

    async def post_cosignature(self, size: int, line: str) -> None:
        """Hands over a cosignature line for the checkpoint of tree size `size`."""
        body = CosignatureBody(size=size, line=line).model_dump_json().encode("utf-8")
        await self._http.plain(Call("POST", "/v1/witness/cosignatures", body=body, content_type="application/json"))

    # --- how a call is made -------------------------------------------------------------------------------------

    async def _get(self, path: str) -> Answer:
        return await self._http.signed(Call("GET", path), broker_id=await self._known_broker())

    async def _post(self, path: str, body: Part, *, repeatable: bool = True) -> Answer:
        return await self._send("POST", path, body, repeatable=repeatable)

    async def _send(self, method: str, path: str, body: Part, *, repeatable: bool = True) -> Answer:
        data = body.model_dump_json().encode("utf-8")
        call = Call(method, path, body=data, content_type="application/json", repeatable=repeatable)
        return await self._http.signed(call, broker_id=await self._known_broker())

    async def _known_broker(self) -> str:
        return self._broker_id or (await self.info()).broker

    async def _bearer(self, call: Call, scope: TokenScope, match: str | None) -> Answer:
        held = self._tokens.setdefault((scope, match), _Token())
        token = await self._token(held, scope, match)
        try:
            return await self._http.plain(call, bearer=token)
        except BrokerProblem as problem:
            if problem.status != 401:
                raise
        # The broker may have changed its token key; one new token, and no more than one.
        if held.body is not None and held.body.token == token:
            held.body = None
        return await self._http.plain(call, bearer=await self._token(held, scope, match))

    async def _token(self, held: _Token, scope: TokenScope, match: str | None) -> str:
        async with held.lock:
            if held.body is None or held.body.expires - TOKEN_MARGIN_SECONDS <= self._clock():
                answer = await self._post("/v1/tokens", TokenRequest(scope=scope, match=match))
                held.body = read_model(TokenBody, answer)
            return held.body.token


def _segment(text: str) -> str:
    return quote(text, safe="")


def _frame_path(match: str, direction: Direction, sequence: int) -> str:
    return f"/v1/matches/{_segment(match)}/frames/{direction.value}/{sequence}"


def _text(answer: Answer) -> str:
    try:
        return answer.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ResponseUntrusted("the broker's answer is not text") from error
