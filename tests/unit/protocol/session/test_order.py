"""The whole table of states: which takes which message and which call. All else is a programming error: `RuntimeError`,
and nothing changes."""

from collections.abc import Callable
from typing import Any

import pytest

from tacita_protocol.session import MessageKind, RequesterSession, ResponderSession, State
from tacita_protocol.statements.vocabulary import Role
from tests.support.memory_broker import CUSTODY, NOW, OBLIGATIONS, POLICY, REASONS, match_request
from tests.support.session_pair import SessionPair, drain, receipt_of, take

DECISION, CLOSING, FRAME = MessageKind.DECISION, MessageKind.CLOSING, MessageKind.FRAME
NOTHING: set[MessageKind] = set()
TAKES: dict[Role, dict[State, set[MessageKind]]] = {
    Role.REQUESTER: {
        State.NEW: NOTHING,
        State.REQUESTED: {DECISION},
        State.AWAITING_APPROVAL: {DECISION},
        State.DENIED: {CLOSING},
        State.GRANTED: {MessageKind.ACCEPTANCE, MessageKind.REFUSAL, CLOSING},
        State.REFUSED: {CLOSING},
        State.ACCEPTED: {CLOSING},
        State.OPEN: {FRAME, CLOSING},
        State.CONFIRMED: {FRAME, CLOSING},
        State.MATCHING: {FRAME, CLOSING},
        State.CLOSING: {CLOSING},
        State.CLOSED: NOTHING,
        State.ABORTED: {CLOSING},
    },
    Role.RESPONDER: {
        State.REQUESTED: {DECISION},
        State.GRANTED: {CLOSING},
        State.REFUSED: {CLOSING},
        State.ACCEPTED: {MessageKind.OPEN, CLOSING},
        State.OPEN: {FRAME, CLOSING},
        State.CONFIRMED: {FRAME, CLOSING},
        State.MATCHING: {FRAME, CLOSING},
        State.CLOSING: {CLOSING},
        State.CLOSED: NOTHING,
        State.ABORTED: {CLOSING},
    },
}
WITH_KEYS = {State.OPEN, State.CONFIRMED, State.MATCHING}
RECEIPTED = {State.CLOSING, State.CLOSED, State.ABORTED}
ACCEPTED = WITH_KEYS | RECEIPTED | {State.ACCEPTED}  # a session aborted here had come to its match
GRANTED = ACCEPTED | {State.GRANTED, State.REFUSED}

Session = RequesterSession | ResponderSession
Call = Callable[[Any], object]
CALLS: dict[str, tuple[Call, set[State]]] = {
    "send a message": (
        lambda session: session.send_message(b"data", run=0, partition=0, final=False),
        {State.CONFIRMED},  # in MATCHING both sides have ended the only run
    ),
    "finish": (lambda session: session.finish(elements_charged=0, custody=CUSTODY, now=NOW + 40), {State.MATCHING}),
    "read the session id": (lambda session: session.session_id, WITH_KEYS),
    "read the runs": (lambda session: session.runs, GRANTED),
    "read the partitions": (lambda session: session.partitions, ACCEPTED),
    "note a charge": (lambda session: session.record_charge(1), set(State) - RECEIPTED),
}
CALLS_OF: dict[Role, dict[str, tuple[Call, set[State]]]] = {
    Role.REQUESTER: CALLS
    | {
        "await approval": (lambda session: session.await_approval(), {State.REQUESTED}),
        # It derives the keys before it opens.
        "read the session id": (lambda session: session.session_id, WITH_KEYS | {State.ACCEPTED}),
    },
    Role.RESPONDER: CALLS
    | {
        "accept": (
            lambda session: session.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10),
            {State.GRANTED},
        ),
        "refuse": (lambda session: session.refuse(reasons=REASONS, policy=None, now=NOW + 10), {State.GRANTED}),
    },
}


def pair_in(state: State) -> SessionPair:
    """Both sides in this state, or the requester if only it can be."""
    pair = SessionPair()
    if state is State.NEW:
        return pair
    if state in (State.REQUESTED, State.AWAITING_APPROVAL, State.DENIED):
        take(pair.requester, MessageKind.REQUEST)
        if state is State.AWAITING_APPROVAL:
            pair.requester.await_approval()
        if state is State.DENIED:
            data = pair.broker.decide(pair.request, pair.broker.denial(pair.request))
            pair.requester.receive(MessageKind.DECISION, data, NOW + 2)
        return pair
    if state is State.REFUSED:
        pair.reach(State.GRANTED)
        pair.responder.refuse(reasons=REASONS, policy=None, now=NOW + 10)
        pair.requester.receive(MessageKind.REFUSAL, take(pair.responder, MessageKind.REFUSAL).data, NOW + 11)
        return pair
    if state is State.ABORTED:
        pair.reach(State.MATCHING)
        pair.requester.abort(now=NOW + 60)
        pair.responder.abort(now=NOW + 60)
        return pair
    if state is State.CLOSED:
        pair.reach(State.CLOSING)
        data = pair.broker.close(
            pair.requester.match_id,
            pair.grant.digest,
            requester=receipt_of(pair.requester),
            responder=receipt_of(pair.responder),
        )
        for session in (pair.requester, pair.responder):
            session.receive(MessageKind.CLOSING, data, NOW + 100)
        return pair
    return pair.reach(state)


ROWS = [(role, state) for role, states in TAKES.items() for state in states]


def test_the_table_has_every_state() -> None:
    assert set(TAKES[Role.REQUESTER]) == set(State)
    assert set(State) - set(TAKES[Role.RESPONDER]) == {State.NEW, State.AWAITING_APPROVAL, State.DENIED}


@pytest.mark.parametrize(("role", "state"), ROWS)
def test_messages_belong_to_their_states(role: Role, state: State) -> None:
    session = pair_in(state).session_of(role)
    assert session.state is state
    for kind in MessageKind:
        assert session.takes(kind) is (kind in TAKES[role][state])
        if kind not in TAKES[role][state]:
            with pytest.raises(RuntimeError):
                session.receive(kind, b"", NOW)
            assert session.state is state


@pytest.mark.parametrize(
    ("role", "state", "name"),
    [(role, state, name) for role, state in ROWS for name in CALLS_OF[role]],
)
def test_calls_belong_to_their_states(role: Role, state: State, name: str) -> None:
    call, allowed = CALLS_OF[role][name]
    session = pair_in(state).session_of(role)
    if state in allowed:
        call(session)
        return
    with pytest.raises(RuntimeError):
        call(session)
    assert session.state is state


ENDED = {State.DENIED, State.REFUSED, State.CLOSING, State.CLOSED, State.ABORTED}


@pytest.mark.parametrize(("role", "state"), ROWS)
def test_an_abort_ends_what_runs_with_a_receipt_that_names_the_step(role: Role, state: State) -> None:
    session = pair_in(state).session_of(role)
    if state in ENDED:
        receipt = session.receipt
        session.abort(now=NOW + 100)
        assert (session.state, session.receipt) == (state, receipt)
        return
    session.abort(now=NOW + 100)
    session.abort(now=NOW + 101)
    assert session.state is State.ABORTED
    sent = [outgoing.kind for outgoing in drain(session)]
    if state is State.NEW:
        assert sent == []  # nobody has heard of this match
        return
    assert sent == [MessageKind.RECEIPT]
    assert receipt_of(session).body.step == state
    with pytest.raises(RuntimeError):
        _ = session.session_id


def test_an_approval_that_is_waited_for_changes_nothing_else() -> None:
    pair = pair_in(State.AWAITING_APPROVAL)
    data = pair.broker.decide(pair.request, pair.grant)
    pair.requester.receive(MessageKind.DECISION, data, NOW + 2)
    pair.responder.receive(MessageKind.DECISION, data, NOW + 2)
    assert pair.states() == (State.GRANTED, State.GRANTED)


def test_a_match_is_not_finished_by_one_sides_last_message() -> None:
    pair = SessionPair().reach(State.CONFIRMED)
    pair.requester.send_message(b"request", run=0, partition=0, final=True)
    pair.messages()
    for session in (pair.requester, pair.responder):
        with pytest.raises(RuntimeError):
            session.finish(elements_charged=0, custody=CUSTODY, now=NOW + 40)


def test_a_session_takes_one_closing() -> None:
    pair = SessionPair().reach(State.GRANTED)
    data = pair.broker.close(pair.requester.match_id, pair.grant.digest)
    pair.requester.receive(MessageKind.CLOSING, data, NOW + 100)
    with pytest.raises(RuntimeError):
        pair.requester.receive(MessageKind.CLOSING, data, NOW + 100)


def test_a_requester_session_needs_its_own_request_and_key() -> None:
    pair, other = SessionPair(), SessionPair()
    with pytest.raises(ValueError, match="ephemeral"):
        RequesterSession(pair.context("first-bank", "safe-harbour"), pair.request, other.ephemeral)
    with pytest.raises(ValueError, match="between"):
        RequesterSession(
            pair.context("first-bank", "safe-harbour"), match_request(pair.ephemeral, responder="other"), pair.ephemeral
        )
