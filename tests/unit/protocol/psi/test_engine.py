"""The interface: parameters, the registry, and the local driver."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from tacita_protocol.errors import LimitExceeded, MalformedMessage
from tacita_protocol.psi.engine import (
    Action,
    Compute,
    Found,
    Receive,
    RunParameters,
    Send,
    Settled,
    Task,
    run_locally,
)
from tacita_protocol.psi.engines import ENGINE_NAMES, engine_named

GOOD: dict[str, Any] = {
    "session_id": bytes(32),
    "run": 0,
    "partition": 0,
    "receiver_count": 64,
    "sender_count": 64,
    "chunks": 2,
}


def test_every_listed_engine_exists_under_its_name() -> None:
    assert [engine_named(name).name for name in ENGINE_NAMES] == list(ENGINE_NAMES)


@pytest.mark.parametrize("name", ["", "ECDH", "vole", "ecdh\n", "__init__"])
def test_an_unknown_engine_is_refused(name: str) -> None:
    with pytest.raises(MalformedMessage):
        engine_named(name)


@pytest.mark.parametrize(
    "wrong",
    [{"session_id": b""}, {"run": -1}, {"run": 2**32}, {"partition": 2**32}, {"receiver_count": 0}, {"sender_count": 0},
     {"chunks": 0}, {"chunks": 1025}],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_a_mistake(wrong: dict[str, Any]) -> None:
    RunParameters(**GOOD)
    with pytest.raises(ValueError, match=r"bytes|below|positive|between"):
        RunParameters(**{**GOOD, **wrong})


def inline(tasks: tuple[Task, ...]) -> list[Any]:
    return [task.function(*task.arguments) for task in tasks]


FOUND = Found(3, np.arange(3))


def asks(*actions: Action) -> Generator[Action, Any, Found]:
    yield from (action for action in actions)  # a generator, which takes answers
    return FOUND


def answers(*actions: Action) -> Generator[Action, Any, int]:
    yield from (action for action in actions)  # a generator, which takes answers
    return 0


def test_the_driver_carries_messages_and_results() -> None:
    seen: list[Any] = []

    def receiver() -> Generator[Action, Any, Found]:
        seen.append((yield Receive(2)))
        seen.append((yield Settled()))
        seen.append((yield Compute((Task(len, ("abc",)), Task(abs, (-1,))))))
        return FOUND

    assert run_locally(receiver(), answers(Send(b"ab")), run_tasks=inline) is FOUND
    assert seen == [b"ab", None, [3, 1]]


def test_a_message_over_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        run_locally(asks(Receive(1)), answers(Send(b"ab")), run_tasks=inline)


Actions = tuple[Action, ...]
MISTAKES: dict[str, tuple[Actions, Actions]] = {
    "both sides of the engine wait": ((Receive(1),), (Receive(1),)),
    "left messages unread": ((Settled(),), (Send(b"ab"),)),
    "of another partition": ((Receive(2), Settled()), (Send(b"ab", partition=1),)),
    "the receiver settles": ((Receive(2),), (Send(b"ab"),)),
    "the sender does not": ((Settled(),), (Settled(),)),
    "nothing but local work follows": ((Settled(), Send(b"ab")), (Receive(2),)),
    "local work follows when a side has settled": ((Settled(), Settled()), ()),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_an_engine_that_breaks_the_interface_is_a_mistake(message: str) -> None:
    receiver, sender = MISTAKES[message]
    with pytest.raises(RuntimeError, match=message):
        run_locally(asks(*receiver), answers(*sender), run_tasks=inline)


def test_what_was_found_is_not_shown() -> None:
    assert "3" not in repr(FOUND)
