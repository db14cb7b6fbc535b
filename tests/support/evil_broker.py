"""A broker that lies, one named lie at a time. Its keys and its log are real: that is what makes it dangerous.

A node must answer nothing, release nothing and write down why. The witnesses are honest, so the one thing that it
cannot make is a quorum for an entry that is not in the log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tacita_protocol.api import InboxEventType, LoggedClosing, LoggedDecision, MatchView
from tacita_protocol.crypto.digest import digest_of
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.identifiers.kind import Kind
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.logged import Outcome
from tacita_protocol.statements.match import MatchRequest, Promise
from tacita_protocol.statements.statement import Signed, payload_of, sign_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.broker_simulator import BrokerSimulator
from tests.support.match_desk import DeskMatch, MatchDesk
from tests.support.memory_broker import BROKER, MemoryBroker
from tests.support.memory_log import INDEPENDENT_WITNESSES, key_named


class Lie(StrEnum):
    """What it may lie about. The values read as sentences about the broker."""

    # About the decision, to both sides.
    GRANT_FORGED = "signs a grant with a key that is not its own"
    GRANT_OF_ANOTHER_PAIR = "grants another pair's question"
    GRANT_OF_ANOTHER_PURPOSE = "grants the question for another purpose"
    GRANT_OF_ANOTHER_KIND = "grants the question about another kind"
    GRANT_OF_ANOTHER_DATASET = "grants the question about another dataset"
    GRANT_OF_ANOTHER_EPOCH = "grants the question about another epoch"
    GRANT_OF_ANOTHER_NONCE = "grants an equal question that was asked at another time"
    GRANT_OF_ANOTHER_MATCH = "shows the grant of an earlier match"
    GRANT_OF_ANOTHER_BROKER = "names another broker in the grant"
    GRANT_EXPIRED = "gives a grant that has expired"
    GRANT_FROM_THE_FUTURE = "gives a grant from the future"
    COUNT_HIGHER = "grants more elements than were asked for"
    COUNT_LOWER = "grants fewer elements than were asked for"
    COUNTS_SWAPPED = "swaps the two counts"
    SIZE_OF_DATASET = "grants another size than the dataset's card has"
    NORMALISER = "grants another normaliser"
    ENGINE = "grants an engine that was not asked for"
    APPROVALS_SKIPPED = "grants what its own obligations forbid without an approval"
    UNLOGGED = "shows a grant that is not in the log"
    WITHOUT_QUORUM = "proves the opening with one witness"
    WITHOUT_WITNESSES = "proves the opening with no witness"
    ENTRY_OF_ANOTHER_MATCH = "proves the opening with another match's entry"
    ENTRY_SAYS_OTHERWISE = "logs another decision than it shows"
    LOG_FORKED = "shows each side a log of its own"
    PROMISE_OF_ANOTHER_REQUEST = "promises another request"
    # About what the other side says.
    ACCEPTANCE_FORGED = "makes up the acceptance"
    ACCEPTANCE_OF_ANOTHER_MATCH = "shows the acceptance of an earlier match"
    OPEN_FORGED = "makes up the opening by the asker"
    OPEN_OF_ANOTHER_MATCH = "shows the opening of an earlier match"
    REQUEST_SWAPPED = "shows the owner another request than was made"
    # About frames.
    FRAMES_REORDERED = "swaps two frames"
    FRAME_DUPLICATED = "passes a frame on twice"
    FRAME_TRUNCATED = "cuts a frame short"
    FRAME_CHANGED = "changes a bit of a frame"
    FRAME_REFLECTED = "sends a side its own frame back"
    FRAME_OF_ANOTHER_MATCH = "passes on a frame of an earlier match"
    FRAME_UNENCRYPTED = "puts plain text in a frame's place"
    FRAME_OVERSIZED = "makes a frame larger than any may be"
    FRAME_RELABELLED = "writes another run into a frame's head"
    FRAMES_ENDED_EARLY = "marks a frame as the last"
    # About the end.
    CLOSED_EARLY = "closes the match as completed before anybody has finished"
    OUTCOME_FALSE = "closes as aborted what both receipts say was completed"
    CLOSING_UNLOGGED = "shows a closing that is not in the log"
    CLOSING_WITHOUT_QUORUM = "proves the closing with one witness"
    CLOSING_OF_ANOTHER_MATCH = "shows the closing of an earlier match"
    OWN_RECEIPT_WITHHELD = "closes without the receipt of the side that looks"
    RECEIPT_FORGED = "makes up the other side's receipt"
    RECEIPT_SWAPPED = "shows an earlier match's receipt of the other side"


def _other(digest: object) -> str:
    return digest_of(str(digest).encode())


def _about(**changes: Any) -> Callable[[MatchRequest, Grant], dict[str, Any]]:
    """The grant of a request that deviates in these fields."""
    return lambda asked, _grant: {"request": digest_of(payload_of(asked.model_copy(update=changes)))}


GRANTS: dict[Lie, Callable[[MatchRequest, Grant], dict[str, Any]]] = {
    Lie.GRANT_OF_ANOTHER_PAIR: _about(requester="second-bank"),
    Lie.GRANT_OF_ANOTHER_PURPOSE: _about(purpose="victim-protection"),
    Lie.GRANT_OF_ANOTHER_KIND: _about(kind=Kind.PHONE),
    Lie.GRANT_OF_ANOTHER_DATASET: _about(dataset="others"),
    Lie.GRANT_OF_ANOTHER_EPOCH: _about(epoch=2),
    Lie.GRANT_OF_ANOTHER_NONCE: _about(nonce="0" * 32),
    Lie.GRANT_OF_ANOTHER_BROKER: lambda _asked, _grant: {"broker": "broker-two"},
    Lie.GRANT_EXPIRED: lambda _asked, grant: {"issued": grant.issued - 600, "start_before": grant.issued - 1},
    Lie.GRANT_FROM_THE_FUTURE: lambda _asked, grant: {
        "issued": grant.issued + 300,
        "start_before": grant.issued + 600,
    },
    Lie.COUNT_HIGHER: lambda _asked, grant: {"requester_count": 2 * grant.requester_count},
    Lie.COUNT_LOWER: lambda _asked, grant: {"requester_count": grant.requester_count // 2},
    Lie.COUNTS_SWAPPED: lambda _asked, grant: {
        "requester_count": grant.responder_count,
        "responder_count": grant.requester_count,
    },
    Lie.SIZE_OF_DATASET: lambda _asked, grant: {"responder_count": 2 * grant.responder_count},
    Lie.NORMALISER: lambda _asked, _grant: {"normaliser": "account/2"},
    Lie.ENGINE: lambda _asked, _grant: {"engine": "vole"},
    Lie.APPROVALS_SKIPPED: lambda _asked, grant: {
        "obligations": grant.obligations.model_copy(update={"approvals": ("second-person",)})
    },
}
"""Deviations of a grant that the broker signs and logs."""

FIRST = 1
"""The first frame after the one that confirms."""


def _flipped(frame: bytes) -> bytes:
    return frame[:-20] + bytes([frame[-20] ^ 1]) + frame[-19:]


FRAMES: dict[Lie, Callable[[bytes], bytes]] = {
    Lie.FRAME_TRUNCATED: lambda frame: frame[:-1],
    Lie.FRAME_CHANGED: _flipped,
    Lie.FRAME_UNENCRYPTED: lambda frame: frame[:18] + b"\0plain text" + bytes(16),
    Lie.FRAME_OVERSIZED: lambda frame: frame + bytes(1024 * 1024),
    Lie.FRAME_RELABELLED: lambda frame: frame[:4] + b"\1" + frame[5:],
    Lie.FRAMES_ENDED_EARLY: lambda frame: frame[:17] + bytes([frame[17] ^ 1]) + frame[18:],
}
"""What becomes of the first frame of the engine on its way to the owner."""


class EvilDesk(MatchDesk):
    """Lies as `lie` says, from the next thing that it says on; None is the truth."""

    lie: Lie | None = None
    earlier: DeskMatch | None = None

    def tells(self, *lies: Lie) -> bool:
        """Whether this is what it lies about now."""
        return self.lie in lies

    @property
    def _past(self) -> DeskMatch:
        assert self.earlier is not None, "this lie needs an honest match before it"
        return self.earlier

    def promise(self, request: Signed[MatchRequest]) -> Promise:
        promise = super().promise(request)
        if self.tells(Lie.PROMISE_OF_ANOTHER_REQUEST):
            return promise.model_copy(update={"request": _other(request.digest)})
        return promise

    def decide(self, request: Signed[MatchRequest]) -> Signed[Grant] | Signed[Denial]:
        honest = super().decide(request)
        if not isinstance(honest.body, Grant):
            return honest
        if self.lie in GRANTS:
            changes = GRANTS[self.lie](request.body, honest.body)
            return sign_statement(honest.body.model_copy(update=changes), key_named(BROKER))
        if self.tells(Lie.GRANT_FORGED):
            return sign_statement(honest.body, key_named("somebody"))
        return honest

    def opening(self, match: DeskMatch) -> LoggedDecision:
        assert match.decision is not None
        cosigners: tuple[str, ...] | None = None
        items: dict[str, str] = {}
        memory = self.memory
        match self.lie:
            case Lie.GRANT_OF_ANOTHER_MATCH:
                assert self._past.logged is not None
                return self._past.logged
            case Lie.ENTRY_OF_ANOTHER_MATCH:
                assert self._past.logged is not None
                return LoggedDecision(decision=match.decision.envelope, logged=self._past.logged.logged)
            case Lie.WITHOUT_QUORUM:
                cosigners = INDEPENDENT_WITNESSES[:1]
            case Lie.WITHOUT_WITNESSES:
                cosigners = ()
            case Lie.ENTRY_SAYS_OTHERWISE:
                items = {"decision": _other(match.decision.digest)}
            case Lie.UNLOGGED | Lie.LOG_FORKED:
                # Its log's key signs the other tree, but no witness does.
                memory, cosigners = self._fork(), ()
        data = memory.decide(match.request, match.decision, cosigners=cosigners, time=self.around.clock(), items=items)
        return LoggedDecision.model_validate_json(data)

    def _fork(self) -> MemoryBroker:
        fork = type(self.memory.log)(origin=self.memory.log.origin, now=self.memory.log.now)
        fork.append(b"another history")
        return MemoryBroker(log=fork)

    def view(self, match: DeskMatch, partner: str) -> MatchView:
        honest = super().view(match, partner)
        owner = match.parties[partner] is Role.RESPONDER
        changes: dict[str, Any] = {}
        match self.lie:
            case Lie.ACCEPTANCE_FORGED if match.acceptance is not None:
                changes["acceptance"] = sign_statement(match.acceptance.body, key_named("somebody")).envelope
            case Lie.ACCEPTANCE_OF_ANOTHER_MATCH if match.acceptance is not None and self._past.acceptance is not None:
                changes["acceptance"] = self._past.acceptance.envelope
            case Lie.OPEN_FORGED if match.open is not None:
                changes["open"] = sign_statement(match.open.body, key_named("somebody")).envelope
            case Lie.OPEN_OF_ANOTHER_MATCH if match.open is not None and self._past.open is not None:
                changes["open"] = self._past.open.envelope
            case Lie.REQUEST_SWAPPED if owner:
                changes["request"] = self._past.request.envelope
            case Lie.LOG_FORKED if not owner:
                data = self.memory.decide(match.request, match.decision, time=self.around.clock())  # type: ignore[arg-type]  # decided by now
                changes["decision"] = LoggedDecision.model_validate_json(data)
            case Lie.CLOSED_EARLY if match.open is not None and match.closed is None:
                self.close(match)
                return super().view(match, partner)
        return honest.model_copy(update=changes)

    def frame(self, match: DeskMatch, direction: Direction, sequence: int) -> bytes | None:
        honest = super().frame(match, direction, sequence)
        if honest is None or direction is not Direction.REQUESTER or sequence != FIRST:
            return honest
        if self.lie in FRAMES:
            return FRAMES[self.lie](honest)
        match self.lie:
            case Lie.FRAMES_REORDERED | Lie.FRAME_DUPLICATED:
                # The frame that confirms, once more, or in the other one's place: to whom reads, the same thing.
                return match.frames[direction][FIRST - 1]
            case Lie.FRAME_REFLECTED:
                return next(iter(match.frames[direction.other][FIRST:]), match.frames[direction.other][0])
            case Lie.FRAME_OF_ANOTHER_MATCH:
                return self._past.frames[direction][FIRST]
        return honest

    def closing(self, match: DeskMatch) -> LoggedClosing:
        assert match.decision is not None
        receipts = dict(match.receipts)
        outcome: Outcome | None = None
        cosigners: tuple[str, ...] | None = None
        memory = self.memory
        match self.lie:
            case Lie.CLOSING_OF_ANOTHER_MATCH:
                assert self._past.closed is not None
                return self._past.closed
            case Lie.CLOSED_EARLY:
                outcome = Outcome.COMPLETED
            case Lie.OUTCOME_FALSE:
                outcome = Outcome.ABORTED
            case Lie.CLOSING_UNLOGGED:
                memory, cosigners = self._fork(), ()
            case Lie.CLOSING_WITHOUT_QUORUM:
                cosigners = INDEPENDENT_WITNESSES[:1]
            case Lie.OWN_RECEIPT_WITHHELD:
                receipts.pop(Role.REQUESTER, None)
            case Lie.RECEIPT_FORGED:
                receipts[Role.RESPONDER] = sign_statement(receipts[Role.RESPONDER].body, key_named("somebody"))
            case Lie.RECEIPT_SWAPPED:
                receipts[Role.RESPONDER] = self._past.receipts[Role.RESPONDER]
        data = memory.close(
            match.id,
            match.decision.digest,
            requester=receipts.get(Role.REQUESTER),
            responder=receipts.get(Role.RESPONDER),
            refusal=match.refusal,
            outcome=outcome,
            cosigners=cosigners,
            time=self.around.clock(),
        )
        return LoggedClosing.model_validate_json(data)

    def correct(self, match: DeskMatch) -> None:
        """Stops lying, and tells the truth about the end of a match."""
        self.lie = None
        match.closed = None
        self.close(match)

    def announce_again(self, match: DeskMatch) -> None:
        """Says once more that a match was decided, as if its grant could be used again."""
        self.around.tell(match.request.body.responder, InboxEventType.DECISION, match.id)


@dataclass
class EvilBroker(BrokerSimulator):
    """A simulated broker with a lying desk: `broker.evil.lie = Lie.GRANT_FORGED`."""

    @property
    def evil(self) -> EvilDesk:
        """The desk that lies."""
        assert isinstance(self.desk, EvilDesk)
        return self.desk

    def new_desk(self, memory: MemoryBroker) -> MatchDesk:
        return EvilDesk(self, memory)
