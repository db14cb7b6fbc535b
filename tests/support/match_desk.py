"""The matches of a broker in memory: it decides, logs, passes on and closes, and looks at little else.

What it says is honest. Each thing that it says comes from one method, under "What it says": a lying desk overrides one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tacita_protocol.api import InboxEventType, LoggedClosing, LoggedDecision, MatchState, MatchView, PromiseBody
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.crypto.keys import VerifyKey
from tacita_protocol.psi.engines import negotiate
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.dataset import DatasetCard
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest, Promise
from tacita_protocol.statements.obligations import Obligations, strictest
from tacita_protocol.statements.receipt import Receipt, ReceiptStatus
from tacita_protocol.statements.statement import Signed, sign_statement, verify_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.memory_broker import BROKER, OBLIGATIONS, MemoryBroker
from tests.support.memory_log import key_named

T = TypeVar("T")

PERMITTED = OBLIGATIONS.model_copy(update={"engines": ("ecdh",)})


class Surroundings(Protocol):
    """What a desk needs of its broker."""

    @property
    def clock(self) -> Callable[[], int]: ...

    def key_of(self, partner: str) -> VerifyKey: ...

    def card_of(self, partner: str, dataset: str, epoch: int) -> DatasetCard: ...

    def tell(self, partner: str, event: InboxEventType, match: str) -> None: ...

    async def until(self, look: Callable[[], T | None], seconds: float) -> T | None: ...


@dataclass
class DeskMatch:
    """One match as it stands here."""

    request: Signed[MatchRequest]
    decision: Signed[Grant] | Signed[Denial] | None = None
    logged: LoggedDecision | None = None
    acceptance: Signed[Acceptance] | None = None
    refusal: Signed[Refusal] | None = None
    open: Signed[Open] | None = None
    receipts: dict[Role, Signed[Receipt]] = field(default_factory=dict)
    closed: LoggedClosing | None = None
    frames: dict[Direction, list[bytes]] = field(default_factory=lambda: {direction: [] for direction in Direction})

    @property
    def id(self) -> str:
        """The match's id."""
        return self.request.body.match

    @property
    def parties(self) -> dict[str, Role]:
        """Both partners with their roles."""
        return {self.request.body.requester: Role.REQUESTER, self.request.body.responder: Role.RESPONDER}

    @property
    def state(self) -> MatchState:
        """As the broker would say."""
        if self.closed is not None:
            return MatchState.CLOSED
        done = (
            (self.refusal, MatchState.REFUSED),
            (self.open, MatchState.OPEN),
            (self.acceptance, MatchState.ACCEPTED),
            (self.decision, MatchState.GRANTED),
        )
        return next((state for said, state in done if said is not None), MatchState.REQUESTED)


class MatchDesk:
    """Takes what partners say about matches, and tells both. `log` is the log in which it writes."""

    def __init__(self, surroundings: Surroundings, memory: MemoryBroker) -> None:
        self.around = surroundings
        self.memory = memory
        self.matches: dict[str, DeskMatch] = {}

    # What it says.

    def promise(self, request: Signed[MatchRequest]) -> Promise:
        """That the request will be logged."""
        return Promise(match=request.body.match, request=request.digest, broker=BROKER, issued=self.around.clock())

    def decide(self, request: Signed[MatchRequest]) -> Signed[Grant] | Signed[Denial]:
        """It allows everything that an engine can do."""
        asked = request.body
        self.memory.now = self.around.clock()
        card = self.around.card_of(asked.responder, asked.dataset, asked.epoch)
        obligations = self.obligations(asked)
        engine = negotiate(
            asked.engines,
            offered=card.engines,
            permitted=obligations.engines,
            mode=asked.mode,
            result_to=asked.result_to,
        )
        if engine is None:
            return self.memory.denial(request)
        return self.memory.grant(request, obligations=obligations, engine=engine, responder_count=card.padded_size)

    def obligations(self, asked: MatchRequest) -> Obligations:
        """The broker's, made stricter by what the requester's own node decided."""
        own = () if asked.sender_decision is None else (asked.sender_decision.obligations,)
        return strictest(PERMITTED, *own)

    def opening(self, match: DeskMatch) -> LoggedDecision:
        """The decision in the log, witnessed."""
        assert match.decision is not None
        data = self.memory.decide(match.request, match.decision, time=self.around.clock())
        return LoggedDecision.model_validate_json(data)

    def view(self, match: DeskMatch, partner: str) -> MatchView:
        """What a party is told about its match."""
        del partner
        return MatchView(
            match=match.id,
            state=match.state,
            requester=match.request.body.requester,
            responder=match.request.body.responder,
            request=match.request.envelope,
            decision=match.logged,
            acceptance=_envelope(match.acceptance),
            refusal=_envelope(match.refusal),
            open=_envelope(match.open),
            closing=match.closed,
        )

    def frame(self, match: DeskMatch, direction: Direction, sequence: int) -> bytes | None:
        """A frame on its way from one side to the other, None while it has not come."""
        frames = match.frames[direction]
        return frames[sequence] if sequence < len(frames) else None

    def closing(self, match: DeskMatch) -> LoggedClosing:
        """The end in the log, witnessed, with the receipts that are in."""
        assert match.decision is not None
        data = self.memory.close(
            match.id,
            match.decision.digest,
            requester=match.receipts.get(Role.REQUESTER),
            responder=match.receipts.get(Role.RESPONDER),
            refusal=match.refusal,
            time=self.around.clock(),
        )
        return LoggedClosing.model_validate_json(data)

    # What it is told.

    def request(self, sender: str, envelope: str) -> PromiseBody:
        """A new match: promised and decided at once. The same bytes again change nothing."""
        request = verify_statement(MatchRequest, envelope, self.around.key_of(sender))
        if request.body.match not in self.matches:
            match = self.matches[request.body.match] = DeskMatch(request)
            match.decision = self.decide(request)
            match.logged = self.opening(match)
            self._announce(match)
        return PromiseBody(promise=sign_statement(self.promise(request), key_named(BROKER)).envelope)

    def say(self, match: DeskMatch, sender: str, step: str, envelope: str) -> None:
        """An acceptance, refusal, open or receipt."""
        key = self.around.key_of(sender)
        requester, responder = match.parties
        match step:
            case "acceptance":
                match.acceptance = verify_statement(Acceptance, envelope, key)
                self.around.tell(requester, InboxEventType.ACCEPTANCE, match.id)
            case "refusal":
                match.refusal = verify_statement(Refusal, envelope, key)
                self.around.tell(requester, InboxEventType.REFUSAL, match.id)
                self.close(match)
            case "open":
                match.open = verify_statement(Open, envelope, key)
                self.around.tell(responder, InboxEventType.OPEN, match.id)
            case "receipt":
                self._receipt(match, sender, verify_statement(Receipt, envelope, key))
            case _:
                raise AssertionError("no such step")

    def close(self, match: DeskMatch) -> None:
        """Ends a match with what is in; a real broker does so at a deadline as well."""
        if match.closed is None:
            match.closed = self.closing(match)
            for partner in match.parties:
                self.around.tell(partner, InboxEventType.CLOSING, match.id)

    def put_frame(self, match: DeskMatch, direction: Direction, sequence: int, frame: bytes) -> int:
        """The answer's status: 201, 200 for the same bytes again, 409, or 410 after the end."""
        frames = match.frames[direction]
        if match.closed is not None:
            return 410
        if sequence < len(frames):
            return 200 if frames[sequence] == frame else 409
        if sequence > len(frames):
            return 409
        frames.append(frame)
        return 201

    def _announce(self, match: DeskMatch) -> None:
        requester, responder = match.parties
        self.around.tell(requester, InboxEventType.DECISION, match.id)
        if isinstance(match.decision, Signed) and isinstance(match.decision.body, Grant):
            self.around.tell(responder, InboxEventType.DECISION, match.id)
        else:
            self.close(match)

    def _receipt(self, match: DeskMatch, sender: str, receipt: Signed[Receipt]) -> None:
        match.receipts[match.parties[sender]] = receipt
        if receipt.body.status is ReceiptStatus.ABORTED:
            for partner in match.parties:
                if partner != sender:
                    self.around.tell(partner, InboxEventType.ABORTED, match.id)
        if len(match.receipts) == len(match.parties):
            self.close(match)


def _envelope(signed: "Signed[Acceptance] | Signed[Refusal] | Signed[Open] | None") -> str | None:
    return None if signed is None else signed.envelope
