"""What both roles of a session have in common: order, queue, frames, receipt, closing."""

from collections import deque
from collections.abc import Mapping
from typing import ClassVar

from tacita_protocol.crypto.digest import Digest
from tacita_protocol.crypto.frames import Direction
from tacita_protocol.errors import PeerViolation, ProtocolError
from tacita_protocol.session.channel import Channel, TranscriptPair
from tacita_protocol.session.closing import MatchFacts, verify_closing
from tacita_protocol.session.decision import granted_runs
from tacita_protocol.session.events import Closed, Confirmed, EngineMessage, Event, PeerFinished
from tacita_protocol.session.keys import SessionKeys
from tacita_protocol.session.runs import Run
from tacita_protocol.session.states import MessageKind, Outgoing, SessionContext, State
from tacita_protocol.statements.acceptance import Acceptance, Open, Refusal
from tacita_protocol.statements.grant import Denial, Grant
from tacita_protocol.statements.match import MatchRequest
from tacita_protocol.statements.receipt import TIME_GRAIN, Receipt, ReceiptStatus
from tacita_protocol.statements.statement import Signed, digest_or_none, sign_statement
from tacita_protocol.statements.vocabulary import Role

FRAME_STATES = frozenset((State.OPEN, State.CONFIRMED, State.MATCHING))
_RUNNING = FRAME_STATES | {State.REQUESTED, State.AWAITING_APPROVAL, State.GRANTED, State.ACCEPTED}
"""States that an abort ends with a receipt."""
_CLOSABLE = frozenset(State) - {State.NEW, State.REQUESTED, State.AWAITING_APPROVAL, State.CLOSED}


class MatchSession:
    """Base of both roles. Not made itself; see `RequesterSession` and `ResponderSession`."""

    role: ClassVar[Role]
    _TAKES: ClassVar[Mapping[MessageKind, frozenset[State]]]
    """Rule 1: which states take which message of this role."""

    def __init__(self, context: SessionContext, request: Signed[MatchRequest], state: State) -> None:
        self._context = context
        self._request = request
        self._state = state
        self._match_bytes = bytes.fromhex(request.body.match)
        self._outbox: deque[Outgoing] = deque()
        self._grant: Signed[Grant] | None = None
        self._denial: Signed[Denial] | None = None
        self._acceptance: Signed[Acceptance] | None = None
        self._refusal: Signed[Refusal] | None = None
        self._open: Signed[Open] | None = None
        self._receipt: Signed[Receipt] | None = None
        self._closing_taken = False
        self._deadline: int | None = None
        self._started: int | None = None
        self._charged = 0
        self._transcripts = TranscriptPair(self._match_bytes)
        self._channel: Channel | None = None

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def match_id(self) -> str:
        """The match's id, 32 hex digits."""
        return self._request.body.match

    @property
    def session_id(self) -> bytes:
        """32 bytes that only the two sides know. `RuntimeError` while there are no keys, or no longer."""
        if self._channel is None:
            raise RuntimeError("the session has no keys in this state")
        return self._channel.session_id

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that were granted, in their order. `RuntimeError` before the grant."""
        return granted_runs(self._request.body, self._require_grant().body)

    @property
    def partitions(self) -> int:
        """Into how many partitions each run is cut. `RuntimeError` before the acceptance."""
        if self._acceptance is None:
            raise RuntimeError("the session has no acceptance in this state")
        return self._acceptance.body.partitions

    @property
    def acceptance(self) -> Signed[Acceptance] | None:
        """The responder's acceptance, once it is signed or verified."""
        return self._acceptance

    @property
    def opening(self) -> Signed[Open] | None:
        """The requester's opening, once it is signed or verified."""
        return self._open

    @property
    def receipt(self) -> Signed[Receipt] | None:
        """This side's own receipt, once it is signed."""
        return self._receipt

    def takes(self, kind: MessageKind) -> bool:
        """Whether `receive` may be given a message of this kind now (rule 1)."""
        if kind is MessageKind.CLOSING:
            return self._state in _CLOSABLE and not self._closing_taken and bool(self._grant or self._denial)
        return self._state in self._TAKES.get(kind, frozenset())

    def receive(self, kind: MessageKind, data: bytes, now: int) -> list[Event]:
        """Take one message: an envelope, a frame, or JSON of `LoggedDecision` or `LoggedClosing`.

        `now` is unix seconds. Raises `RuntimeError` when the state does not take this kind (rule 1), and a
        `ProtocolError` for bad data, which ends the session (rule 2).
        """
        if not self.takes(kind):
            raise RuntimeError(f"a session in state {self._state} takes no {kind}")
        if self._started is None:
            self._started = now
        try:
            if kind is MessageKind.CLOSING:
                return self._take_closing(data, now)
            if self._deadline is not None and now > self._deadline:
                raise PeerViolation("the time of this match is over", field="finish_before")
            if kind is MessageKind.FRAME:
                return self._take_frame(data)
            return self._take_statement(kind, data, now)
        except ProtocolError:
            self._end(now, self._context.custody)
            raise

    def send(self) -> Outgoing | None:
        """The next thing to post, or None. What was handed out is not handed out again: keep it until it is posted."""
        if not self._outbox:
            return None
        outgoing = self._outbox.popleft()
        if outgoing.kind is MessageKind.REQUEST:
            self._state = State.REQUESTED
        elif outgoing.kind is MessageKind.OPEN:
            self._state = State.OPEN
        return outgoing

    def send_message(self, data: bytes, *, run: int, partition: int, final: bool) -> None:
        """Queue one message of the engine; `final` marks this side's last of the run (rule 6). Only once the peer has
        confirmed."""
        channel = self._require_channel(State.CONFIRMED, State.MATCHING)
        self._outbox.extend(channel.seal_message(data, run=run, partition=partition, final=final))
        self._state = State.MATCHING

    def record_charge(self, elements: int) -> None:
        """Note what has been charged so far, so that a receipt for an abort says it."""
        if self._receipt is not None:
            raise RuntimeError("the receipt is signed already")
        self._charged = elements

    def finish(self, *, elements_charged: int, custody: Digest, now: int) -> None:
        """Sign and queue the receipt of a completed match and forget the keys (rule 7).

        `custody` is SHA-256(salt || custody head) from before the match's result.
        """
        channel = self._require_channel(State.MATCHING)
        if not channel.finished:
            raise RuntimeError("a match is finished by both sides' final messages of its last run")
        self._charged = elements_charged
        self._queue_receipt(now, custody, step=None)
        self._forget()
        self._state = State.CLOSING

    def abort(self, *, now: int, custody: Digest | None = None) -> None:
        """End the session early: forget the keys, queue the signed abort receipt, drop whatever else was queued.

        Without effect once a receipt is signed, and where none is due (denied, refused, closed). Before the request was
        sent there is nothing to receipt. `custody` defaults to the one of the context.
        """
        if self._state in _RUNNING or self._state is State.NEW:
            self._end(now, custody or self._context.custody)

    # What the roles fill in.

    def _take_statement(self, kind: MessageKind, data: bytes, now: int) -> list[Event]:
        raise NotImplementedError

    def _forget_secrets(self) -> None:
        raise NotImplementedError

    # Shared steps.

    def _take_grant(self, grant: Signed[Grant]) -> None:
        self._grant = grant
        self._limit_time(grant.body.finish_before)
        self._limit_time(grant.body.issued + grant.body.obligations.expires_in)
        self._state = State.GRANTED

    def _limit_time(self, deadline: int) -> None:
        """The match must be over by `deadline`; the earliest that anybody demands counts."""
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)

    def _require_grant(self) -> Signed[Grant]:
        if self._grant is None:
            raise RuntimeError("the session has no grant in this state")
        return self._grant

    def _establish(self, keys: SessionKeys) -> None:
        """Both secrets are known: set up the channel and queue the confirmation."""
        self._channel = Channel(
            keys,
            match_id=self._match_bytes,
            direction=Direction(self.role.value),
            transcripts=self._transcripts,
            max_message_bytes=self._context.max_message_bytes,
            runs=len(self.runs),
            partitions=self.partitions,
        )
        self._forget_secrets()
        self._outbox.append(self._channel.seal_confirmation())

    def _take_frame(self, data: bytes) -> list[Event]:
        channel = self._require_channel(*FRAME_STATES)
        # Rule 5: the first frame confirms, and nothing passes before it.
        if self._state is State.OPEN:
            channel.open_confirmation(data)
            self._state = State.CONFIRMED
            return [Confirmed(channel.session_id)]
        received = channel.open_frame(data)
        self._state = State.MATCHING
        if received is None:
            return []
        events: list[Event] = [EngineMessage(received.data, received.run, received.partition)]
        if received.final:
            events.append(PeerFinished(received.run))
        return events

    def _take_closing(self, data: bytes, now: int) -> list[Event]:
        decision = self._grant or self._denial
        if decision is None:
            raise RuntimeError("a closing comes after the decision")
        self._closing_taken = True
        facts = MatchFacts(
            match=self.match_id,
            role=self.role,
            decision=decision.digest,
            start_before=self._grant.body.start_before if self._grant else None,
            refusal=self._refusal,
            receipt=self._receipt,
        )
        closing = verify_closing(data, context=self._context, facts=facts, now=now)
        self._forget()
        self._outbox.clear()
        if self._state not in (State.DENIED, State.REFUSED, State.ABORTED):
            self._state = State.CLOSED
        return [Closed(closing.outcome, closing.peer_receipt, closing.may_release)]

    def _end(self, now: int, custody: Digest) -> None:
        ended_in = self._state
        self._forget()
        self._outbox = deque(outgoing for outgoing in self._outbox if outgoing.kind is MessageKind.RECEIPT)
        self._state = State.ABORTED
        if self._receipt is None and ended_in in _RUNNING:
            self._queue_receipt(now, custody, step=ended_in)

    def _queue_receipt(self, now: int, custody: Digest, *, step: State | None) -> None:
        started = self._started if self._started is not None else now
        receipt = Receipt(
            match=self.match_id,
            role=self.role,
            partner=self._context.partner,
            grant=digest_or_none(self._grant),
            acceptance=digest_or_none(self._acceptance),
            open=digest_or_none(self._open),
            transcripts=self._transcripts.heads,
            frames=self._transcripts.frames,
            elements_charged=self._charged,
            status=ReceiptStatus.COMPLETED if step is None else ReceiptStatus.ABORTED,
            step=step and step.value,
            engine=self._grant.body.engine if self._grant else None,
            software=self._context.software,
            started=_coarse(started),
            ended=_coarse(max(started, now)),  # a clock set back must not make a receipt impossible
            custody=custody,
        )
        self._receipt = sign_statement(receipt, self._context.signing_key)
        self._queue(MessageKind.RECEIPT, self._receipt.envelope)

    def _queue(self, kind: MessageKind, envelope: str) -> None:
        self._outbox.append(Outgoing(kind, envelope.encode("ascii")))

    def _forget(self) -> None:
        """Drop every reference to key material. (Python cannot overwrite it; it is never written anywhere.)"""
        self._channel = None
        self._forget_secrets()

    def _require(self, *states: State) -> None:
        if self._state not in states:
            raise RuntimeError(f"not possible in state {self._state}")

    def _require_channel(self, *states: State) -> Channel:
        self._require(*states)
        if self._channel is None:
            raise RuntimeError("the session has no keys in this state")
        return self._channel


def _coarse(time: int) -> int:
    return time - time % TIME_GRAIN
