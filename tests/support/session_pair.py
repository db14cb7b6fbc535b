"""Both sessions of a match with a broker in memory between them: real statements, a real log, no network."""

from typing import Any

from tacita_protocol.crypto.keys import SealingKey
from tacita_protocol.psi.engines import engine_named
from tacita_protocol.psi.partition import partitions_for
from tacita_protocol.session import (
    Event,
    MessageKind,
    Outgoing,
    RequesterSession,
    ResponderSession,
    Run,
    SessionContext,
    State,
)
from tacita_protocol.session.runs import evaluated
from tacita_protocol.statements.receipt import Receipt, Software
from tacita_protocol.statements.statement import Signed, verify_statement
from tacita_protocol.statements.vocabulary import Role
from tests.support.memory_broker import (
    BANK,
    BROKER,
    CUSTODY,
    NGO,
    NOW,
    OBLIGATIONS,
    POLICY,
    MemoryBroker,
    match_request,
)
from tests.support.memory_log import key_named


class SessionPair:
    """Both sessions of one match. `reach(state)` runs the honest way up to a state of both sides."""

    def __init__(
        self,
        broker: MemoryBroker | None = None,
        *,
        max_message_bytes: int = 4 * 1024 * 1024,
        request: dict[str, Any] | None = None,
        responder_engines: tuple[str, ...] = ("ecdh", "vole"),
    ) -> None:
        self.broker = broker or MemoryBroker()
        self.ephemeral = SealingKey.generate()
        self.request = match_request(self.ephemeral, **request or {})
        self._max_message_bytes = max_message_bytes
        self._responder_engines = responder_engines
        self.requester = RequesterSession(self.context(BANK, NGO), self.request, self.ephemeral)
        self.responder = ResponderSession(self.context(NGO, BANK), self.request.envelope)
        self.grant = self.broker.grant(self.request)

    def context(self, partner: str, peer: str, **changes: Any) -> SessionContext:
        """The context of one side."""
        fields: dict[str, Any] = {
            "partner": partner,
            "signing_key": key_named(partner),
            "peer": peer,
            "peer_key": key_named(peer).verify_key,
            "broker": BROKER,
            "broker_key": key_named(BROKER).verify_key,
            "trust": self.broker.log.trust,
            "software": (Software(name="tacita", version="0.1.0"),),
            "max_message_bytes": self._max_message_bytes,
            "responder_count": self.broker.responder_count,
            "responder_engines": self._responder_engines,
            "custody": CUSTODY,
        }
        return SessionContext(**fields | changes)

    def states(self) -> tuple[State, State]:
        """Where the requester and the responder stand."""
        return self.requester.state, self.responder.state

    def reach(self, state: State) -> "SessionPair":
        """The honest way to `state` (GRANTED, ACCEPTED, OPEN, CONFIRMED, MATCHING or CLOSING)."""
        steps = {
            State.GRANTED: self._to_granted,
            State.ACCEPTED: self._to_accepted,
            State.OPEN: self._to_open,
            State.CONFIRMED: self._to_confirmed,
            State.MATCHING: self._to_matching,
            State.CLOSING: self._to_closing,
        }
        for reached, step in steps.items():
            step()
            if reached is state:
                return self
        raise AssertionError("not a state on the honest way")

    @property
    def partitions(self) -> int:
        """The number of partitions that follows from the granted counts."""
        return partitions_for(
            engine_named("ecdh"),
            self.request.body.mode,
            requester_count=self.grant.body.requester_count,
            responder_count=self.grant.body.responder_count,
        )

    @property
    def charged(self) -> int:
        """What both receipts of a completed match state."""
        return sum(evaluated(run, self.partitions) for run in self.requester.runs)

    def session_of(self, role: Role) -> RequesterSession | ResponderSession:
        """The session of this side."""
        return self.requester if role is Role.REQUESTER else self.responder

    def play(self, run: Run) -> list[Event]:
        """A whole run as an engine would speak in it: one message of the receiver and two of the sender in each
        partition; what both sides reported."""
        receiver, sender = self.session_of(run.receiver), self.session_of(run.sender)
        events: list[Event] = []
        for partition in range(self.partitions):
            final = partition == self.partitions - 1
            receiver.send_message(b"blinded elements", run=run.number, partition=partition, final=final)
            events += self.messages()
            sender.send_message(b"setup", run=run.number, partition=partition, final=False)
            sender.send_message(b"response", run=run.number, partition=partition, final=final)
            events += self.messages()
        return events

    def messages(self) -> list[Event]:
        """Deliver every queued frame of both sides to the other; what the receivers reported."""
        events: list[Event] = []
        for sender, receiver in ((self.requester, self.responder), (self.responder, self.requester)):
            for outgoing in drain(sender):
                events += receiver.receive(outgoing.kind, outgoing.data, NOW + 30)
        return events

    def _to_granted(self) -> None:
        take(self.requester, MessageKind.REQUEST)
        data = self.broker.decide(self.request, self.grant)
        self.requester.receive(MessageKind.DECISION, data, NOW + 2)
        self.responder.receive(MessageKind.DECISION, data, NOW + 3)

    def _to_accepted(self) -> None:
        self.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=self.partitions, now=NOW + 10)
        acceptance = take(self.responder, MessageKind.ACCEPTANCE)
        self.requester.receive(MessageKind.ACCEPTANCE, acceptance.data, NOW + 11)

    def _to_open(self) -> None:
        opening = take(self.requester, MessageKind.OPEN)
        self.responder.receive(MessageKind.OPEN, opening.data, NOW + 12)

    def _to_confirmed(self) -> None:
        self.messages()

    def _to_matching(self) -> None:
        for run in self.requester.runs:
            self.play(run)

    def _to_closing(self) -> None:
        self.requester.finish(elements_charged=self.charged, custody=CUSTODY, now=NOW + 40)
        self.responder.finish(elements_charged=self.charged, custody=CUSTODY, now=NOW + 50)


def take(session: RequesterSession | ResponderSession, kind: MessageKind) -> Outgoing:
    """The next thing that the session sends, which must be of this kind."""
    outgoing = session.send()
    assert outgoing is not None
    assert outgoing.kind is kind
    return outgoing


def drain(session: RequesterSession | ResponderSession) -> list[Outgoing]:
    """Everything that the session has to send."""
    outgoing = []
    while (item := session.send()) is not None:
        outgoing.append(item)
    return outgoing


def receipt_of(session: RequesterSession | ResponderSession) -> Signed[Receipt]:
    """The receipt that the session signed, as its reader verifies it."""
    assert session.receipt is not None
    signer = BANK if isinstance(session, RequesterSession) else NGO
    return verify_statement(Receipt, session.receipt.envelope, key_named(signer).verify_key)
