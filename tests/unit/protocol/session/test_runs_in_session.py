"""Whole matches in either direction: a real engine over both sessions, each side learning what it may and no more."""

from collections import deque
from collections.abc import Generator
from typing import Any

import pytest

from tacita_protocol.crypto.frames import Direction, Transcript
from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.identifiers.token import Tokens
from tacita_protocol.psi import matching
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import Action, Compute, Found, Receive, RunParameters, Send, Settled
from tacita_protocol.session import (
    EngineMessage,
    MessageKind,
    Outgoing,
    PeerFinished,
    RequesterSession,
    ResponderSession,
    Run,
    State,
)
from tacita_protocol.session.runs import evaluated
from tacita_protocol.statements.receipt import ReceiptStatus
from tacita_protocol.statements.vocabulary import Mode, ResultTo, Role
from tests.support.memory_broker import COUNT, CUSTODY, NOW
from tests.support.session_pair import SessionPair, drain, receipt_of

TOKENS = random_tokens(200)
OF: dict[Role, Tokens] = {Role.REQUESTER: TOKENS[:100], Role.RESPONDER: TOKENS[80:]}
COMMON = {Role.REQUESTER: list(range(80, 100)), Role.RESPONDER: list(range(20))}


class Player:
    """One side of one run: its engine between the messages of its session."""

    def __init__(self, session: RequesterSession | ResponderSession, steps: Generator[Action, Any, Any]) -> None:
        self.session = session
        self.incoming: deque[EngineMessage] = deque()
        self.frames: list[bytes] = []
        self.outcome: Any = None
        self.settled = self.done = False
        self._steps = steps
        self._action: Action | None = None

    def advance(self, run: Run, peer: "Player", *, stop_when_settled: bool = False) -> None:
        """As far as it gets without another message."""
        while not self.done:
            answer: Any = None
            match self._action:
                case Receive(max_bytes, partition):
                    if not self.incoming:
                        return
                    message = self.incoming.popleft()
                    assert (message.run, message.partition) == (run.number, partition)
                    assert len(message.data) <= max_bytes
                    answer = message.data
                case Compute(tasks):
                    answer = [task.function(*task.arguments) for task in tasks]
                case Send(data, final, partition):
                    self.session.send_message(data, run=run.number, partition=partition, final=final)
                    self._deliver(drain(self.session), peer)
                case Settled():
                    self.settled = True
                    if stop_when_settled:
                        return
            try:
                self._action = self._steps.send(answer)
            except StopIteration as stop:
                self.done, self.outcome = True, stop.value

    def _deliver(self, sent: list[Outgoing], peer: "Player") -> None:
        for outgoing in sent:
            self.frames.append(outgoing.data)
            for event in peer.session.receive(outgoing.kind, outgoing.data, NOW + 30):
                if isinstance(event, EngineMessage):
                    peer.incoming.append(event)
                else:
                    assert isinstance(event, PeerFinished)


def players(pair: SessionPair, run: Run, tokens: dict[Role, Tokens]) -> tuple[Player, Player]:
    """Receiver and sender of a run."""
    p = RunParameters(
        session_id=pair.requester.session_id,
        run=run.number,
        partition=0,
        receiver_count=run.receiver_count,
        sender_count=run.sender_count,
        chunks=2,
        mode=pair.request.body.mode,
    )
    engine, partitions = EcdhEngine(), pair.requester.partitions
    return (
        Player(pair.session_of(run.receiver), matching.receive(engine, tokens[run.receiver], p, partitions)),
        Player(pair.session_of(run.sender), matching.send(engine, tokens[run.sender], p, partitions)),
    )


def matched(pair: SessionPair) -> tuple[dict[Role, Found], dict[Role, list[bytes]], int]:
    """What each side learned, the frames that it sent after its confirmation, and what was charged in all."""
    found: dict[Role, Found] = {}
    frames: dict[Role, list[bytes]] = {role: [] for role in Role}
    charged = 0
    for run in pair.requester.runs:
        receiver, sender = players(pair, run, OF)
        while not (receiver.done and sender.done):
            receiver.advance(run, sender)
            sender.advance(run, receiver)
        found[run.receiver] = receiver.outcome
        charged += sender.outcome
        frames[run.receiver] += receiver.frames
        frames[run.sender] += sender.frames
    return found, frames, charged


def confirmed(monkeypatch: pytest.MonkeyPatch, partitions: int, **request: Any) -> SessionPair:
    """A confirmed session whose runs are cut into so many partitions, because the engine takes few elements."""
    monkeypatch.setattr(EcdhEngine, "max_elements", {1: COUNT, 4: 80}[partitions])
    pair = SessionPair(request=request).reach(State.CONFIRMED)
    assert pair.requester.partitions == pair.responder.partitions == partitions
    return pair


RECEIVERS = {
    ResultTo.REQUESTER: {Role.REQUESTER},
    ResultTo.OWNER: {Role.RESPONDER},
    ResultTo.BOTH: {Role.RESPONDER, Role.REQUESTER},
}


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("result_to", ResultTo)
def test_exactly_those_learn_who_may(result_to: ResultTo, partitions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = confirmed(monkeypatch, partitions, result_to=result_to)
    runs = pair.requester.runs
    found, _, charged = matched(pair)
    assert found.keys() == RECEIVERS[result_to]
    for role, learned in found.items():
        assert learned.rows is not None
        assert learned.rows.tolist() == COMMON[role]
    assert charged == sum(evaluated(run, partitions) for run in runs) == pair.charged
    pair.requester.finish(elements_charged=charged, custody=CUSTODY, now=NOW + 40)
    pair.responder.finish(elements_charged=charged, custody=CUSTODY, now=NOW + 40)
    assert pair.states() == (State.CLOSING, State.CLOSING)


def test_a_count_is_all_that_a_count_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = confirmed(monkeypatch, 1, mode=Mode.CARDINALITY)
    found, _, _ = matched(pair)
    assert found == {Role.REQUESTER: Found(20, None)}


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("result_to", ResultTo)
def test_each_direction_has_one_chain_over_all_runs(
    result_to: ResultTo, partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both receipts state the same chains, and they are those over the frames as they travelled."""
    monkeypatch.setattr(EcdhEngine, "max_elements", {1: COUNT, 4: 80}[partitions])
    pair = SessionPair(request={"result_to": result_to}).reach(State.OPEN)
    travelled: dict[Role, list[bytes]] = {}
    for role in Role:
        travelled[role] = [outgoing.data for outgoing in drain(pair.session_of(role))]
    for role, peer in ((Role.REQUESTER, Role.RESPONDER), (Role.RESPONDER, Role.REQUESTER)):
        for frame in travelled[role]:
            pair.session_of(peer).receive(MessageKind.FRAME, frame, NOW + 20)
    _, frames, charged = matched(pair)
    for role in Role:
        pair.session_of(role).finish(elements_charged=charged, custody=CUSTODY, now=NOW + 40)
        travelled[role] += frames[role]
    for role in Role:
        chain = Transcript(bytes.fromhex(pair.request.body.match), Direction(role.value))
        for frame in travelled[role]:
            chain.update(frame)
        for receipt in (receipt_of(pair.requester).body, receipt_of(pair.responder).body):
            assert getattr(receipt.transcripts, role) == chain.hexdigest
            assert getattr(receipt.frames, role) == len(travelled[role])
    sequences = [int.from_bytes(frame[9:17], "big") for frame in travelled[Role.REQUESTER]]
    assert sequences == list(range(len(sequences)))  # they never restart


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_silent_hit_shows_in_nothing_that_the_asker_sees(partitions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner signs its receipt before it looks, and what it sends has the same lengths whatever it finds."""
    seen = []
    for tokens in (OF, {Role.REQUESTER: TOKENS[:100], Role.RESPONDER: random_tokens(120)}):
        pair = confirmed(monkeypatch, partitions, result_to=ResultTo.OWNER)
        [run] = pair.requester.runs
        owner, asker = players(pair, run, tokens)
        while not (owner.settled and asker.done):
            owner.advance(run, asker, stop_when_settled=True)
            asker.advance(run, owner)
        for session in (pair.responder, pair.requester):
            session.finish(elements_charged=pair.charged, custody=CUSTODY, now=NOW + 40)
        owner_receipt = receipt_of(pair.responder).body
        seen.append((list(map(len, owner.frames)), owner_receipt.frames, owner_receipt.elements_charged))
        # No keys are left and nothing can be sent; the result comes from what the engine holds.
        owner.advance(run, asker)
        assert isinstance(owner.outcome, Found)
        assert owner.outcome.rows is not None
        assert owner.outcome.rows.tolist() == (COMMON[Role.RESPONDER] if tokens is OF else [])
        assert drain(pair.responder)[0].kind is MessageKind.RECEIPT
    assert seen[0] == seen[1]


def test_an_abort_in_the_second_run_is_receipted_with_what_was_charged() -> None:
    pair = SessionPair(request={"result_to": ResultTo.BOTH}).reach(State.CONFIRMED)
    first, second = pair.requester.runs
    pair.play(first)
    pair.requester.record_charge(evaluated(first, 1))
    pair.requester.send_message(b"blinded elements", run=second.number, partition=0, final=True)
    pair.requester.abort(now=NOW + 40)
    receipt = receipt_of(pair.requester).body
    assert (receipt.status, receipt.step) == (ReceiptStatus.ABORTED, "matching")
    assert receipt.elements_charged == COUNT


def test_one_run_of_two_does_not_finish_a_match() -> None:
    pair = SessionPair(request={"result_to": ResultTo.BOTH}).reach(State.CONFIRMED)
    pair.play(pair.requester.runs[0])
    for session in (pair.requester, pair.responder):
        with pytest.raises(RuntimeError, match="last run"):
            session.finish(elements_charged=COUNT, custody=CUSTODY, now=NOW + 40)
