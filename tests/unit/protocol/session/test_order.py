"""Calls and messages in the wrong order are programming errors: `RuntimeError`, and nothing changes."""

from collections.abc import Callable

import pytest

from tacita_protocol.session import MessageKind, RequesterSession, State
from tests.support.session_pair import CUSTODY, NOW, OBLIGATIONS, POLICY, REASONS, SessionPair, match_request

REQUESTER_TAKES = {
    State.NEW: set[MessageKind](),
    State.REQUESTED: {MessageKind.DECISION},
    State.GRANTED: {MessageKind.ACCEPTANCE, MessageKind.REFUSAL, MessageKind.CLOSING},
    State.ACCEPTED: {MessageKind.CLOSING},
    State.OPEN: {MessageKind.FRAME, MessageKind.CLOSING},
    State.CONFIRMED: {MessageKind.FRAME, MessageKind.CLOSING},
    State.MATCHING: {MessageKind.FRAME, MessageKind.CLOSING},
    State.CLOSING: {MessageKind.CLOSING},
    State.ABORTED: {MessageKind.CLOSING},
}
RESPONDER_TAKES = {
    State.REQUESTED: {MessageKind.DECISION},
    State.GRANTED: {MessageKind.CLOSING},
    State.ACCEPTED: {MessageKind.OPEN, MessageKind.CLOSING},
    State.OPEN: {MessageKind.FRAME, MessageKind.CLOSING},
    State.CONFIRMED: {MessageKind.FRAME, MessageKind.CLOSING},
    State.MATCHING: {MessageKind.FRAME, MessageKind.CLOSING},
    State.CLOSING: {MessageKind.CLOSING},
    State.ABORTED: {MessageKind.CLOSING},
}


def pair_in(state: State) -> SessionPair:
    pair = SessionPair()
    if state is State.NEW:
        return pair
    if state is State.REQUESTED:
        pair.requester.send()
        return pair
    if state is State.ABORTED:
        pair.reach(State.MATCHING)
        pair.requester.abort(now=NOW + 60)
        pair.responder.abort(now=NOW + 60)
        return pair
    return pair.reach(state)


@pytest.mark.parametrize("state", REQUESTER_TAKES, ids=lambda state: state.value)
def test_what_the_requester_takes(state: State) -> None:
    session = pair_in(state).requester
    assert session.state is state
    for kind in MessageKind:
        assert session.takes(kind) is (kind in REQUESTER_TAKES[state])
        if kind not in REQUESTER_TAKES[state]:
            with pytest.raises(RuntimeError):
                session.receive(kind, b"", NOW)
            assert session.state is state


@pytest.mark.parametrize("state", RESPONDER_TAKES, ids=lambda state: state.value)
def test_what_the_responder_takes(state: State) -> None:
    session = pair_in(state).responder
    assert session.state is state
    for kind in MessageKind:
        assert session.takes(kind) is (kind in RESPONDER_TAKES[state])
        if kind not in RESPONDER_TAKES[state]:
            with pytest.raises(RuntimeError):
                session.receive(kind, b"", NOW)
            assert session.state is state


CALLS: dict[str, tuple[Callable[[SessionPair], object], set[State]]] = {
    "accept": (
        lambda pair: pair.responder.accept(policy=POLICY, obligations=OBLIGATIONS, partitions=1, now=NOW + 10),
        {State.GRANTED},
    ),
    "refuse": (lambda pair: pair.responder.refuse(reasons=REASONS, policy=None, now=NOW + 10), {State.GRANTED}),
    "send a message": (
        lambda pair: pair.responder.send_message(b"data", run=0, partition=0, final=False),
        {State.CONFIRMED},  # in MATCHING this side has sent its final message
    ),
    "finish": (
        lambda pair: pair.responder.finish(elements_charged=0, custody=CUSTODY, now=NOW + 40),
        {State.MATCHING},
    ),
    "read the session id": (
        lambda pair: pair.responder.session_id,
        {State.OPEN, State.CONFIRMED, State.MATCHING},
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("state", RESPONDER_TAKES, ids=lambda state: state.value)
def test_calls_belong_to_their_states(name: str, state: State) -> None:
    call, allowed = CALLS[name]
    pair = pair_in(state)
    if state in allowed:
        call(pair)
        return
    with pytest.raises(RuntimeError):
        call(pair)
    assert pair.responder.state is state


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


def test_no_charge_is_noted_after_the_receipt() -> None:
    pair = SessionPair().reach(State.CLOSING)
    with pytest.raises(RuntimeError):
        pair.requester.record_charge(1)


def test_a_requester_session_needs_its_own_request_and_key() -> None:
    pair, other = SessionPair(), SessionPair()
    with pytest.raises(ValueError, match="ephemeral"):
        RequesterSession(pair.context("first-bank", "safe-harbour"), pair.request, other.ephemeral)
    with pytest.raises(ValueError, match="between"):
        RequesterSession(
            pair.context("first-bank", "safe-harbour"), match_request(pair.ephemeral, responder="other"), pair.ephemeral
        )
