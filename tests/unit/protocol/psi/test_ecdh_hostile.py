"""What a hostile peer may send instead of the three messages of ecdh, and that each is refused under its name."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from tacita_protocol.crypto.random_arrays import random_tokens
from tacita_protocol.errors import MalformedMessage, PeerViolation, ProtocolError
from tacita_protocol.psi.ecdh import EcdhEngine
from tacita_protocol.psi.engine import Action, Compute, Mode, Receive, RunParameters, Send
from tests.support.hostile_points import (
    COUNTED_RESPONSE,
    NOT_ON_CURVE,
    POINT,
    REQUEST,
    RESPONSE,
    SETUP,
    Case,
    Change,
    in_order,
)

ENGINE = EcdhEngine()
TOKENS = random_tokens(64)
P = RunParameters(bytes(32), 0, 0, receiver_count=64, sender_count=64, chunks=2)
COUNTING = replace(P, mode=Mode.CARDINALITY)


def until_message(steps: Generator[Action, Any, Any], answer: Any = None) -> Action:
    """Runs the side's tasks until it wants to send or receive."""
    action = steps.send(answer)
    while isinstance(action, Compute):
        action = steps.send([task.function(*task.arguments) for task in action.tasks])
    return action


def sent(action: Action) -> bytes:
    assert isinstance(action, Send)
    return action.data


def cases(table: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("change", "error"), [pytest.param(*row[1:], id=row[0]) for row in table])


in_both_modes = pytest.mark.parametrize("p", [P, COUNTING], ids=lambda p: str(p.mode))


@in_both_modes
@cases(REQUEST)
def test_a_hostile_request_is_refused(change: Change, error: type[ProtocolError], p: RunParameters) -> None:
    receiver, sender = ENGINE.receive(TOKENS, p), ENGINE.send(TOKENS, p)
    request = sent(until_message(receiver))
    setup = sent(until_message(sender))
    assert isinstance(until_message(sender), Receive)
    with pytest.raises(error) as caught:
        until_message(sender, change(request, setup))
    assert getattr(caught.value, "field", None) == "request"


def answered(p: RunParameters = P) -> tuple[Generator[Action, Any, Any], bytes, bytes, bytes]:
    receiver, sender = ENGINE.receive(TOKENS, p), ENGINE.send(TOKENS, p)
    request = sent(until_message(receiver))
    setup = sent(until_message(sender))
    until_message(sender)
    response = sent(until_message(sender, request))
    assert isinstance(until_message(receiver), Receive)
    return receiver, request, setup, response


@in_both_modes
@cases(SETUP)
def test_a_hostile_setup_is_refused(change: Change, error: type[ProtocolError], p: RunParameters) -> None:
    receiver, request, setup, response = answered(p)
    until_message(receiver, change(setup, request))
    with pytest.raises(error) as caught:
        until_message(receiver, response)
    assert getattr(caught.value, "field", None) == "setup"


@cases(RESPONSE)
def test_a_hostile_response_is_refused(change: Change, error: type[ProtocolError]) -> None:
    receiver, request, setup, response = answered()
    until_message(receiver, setup)
    with pytest.raises(error) as caught:
        until_message(receiver, change(response, request))
    assert getattr(caught.value, "field", None) == "response"


@cases(COUNTED_RESPONSE)
def test_a_hostile_response_to_a_count_is_refused(change: Change, error: type[ProtocolError]) -> None:
    receiver, request, setup, response = answered(COUNTING)
    until_message(receiver, setup)
    with pytest.raises(error) as caught:
        until_message(receiver, change(response, request))
    assert getattr(caught.value, "field", None) == "response"


@in_both_modes
def test_a_setup_off_the_curve_is_refused_where_it_is_used(p: RunParameters) -> None:
    """The receiver blinds the setup when it is the shorter one. Else it is only looked up, where it equals nothing."""
    p = replace(p, receiver_count=91)
    receiver, _, setup, response = answered(p)
    until_message(receiver, in_order(NOT_ON_CURVE + setup[POINT:]))
    with pytest.raises(MalformedMessage) as caught:
        until_message(receiver, response)
    assert caught.value.field == "setup"


@in_both_modes
def test_the_setup_for_a_response_is_refused(p: RunParameters) -> None:
    """All of it is on the curve and distinct, but no answer to what was asked."""
    receiver, _, setup, _ = answered(p)
    until_message(receiver, setup)
    with pytest.raises(PeerViolation):
        until_message(receiver, setup)


def test_no_error_shows_a_point() -> None:
    receiver, _, setup, response = answered()
    until_message(receiver, setup)
    with pytest.raises(ProtocolError) as caught:
        until_message(receiver, NOT_ON_CURVE + response[POINT:])
    assert NOT_ON_CURVE.hex() not in repr(caught.value)
    assert caught.value.__suppress_context__
