"""The interface: parameters, the registry, and the local driver."""

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tacita_protocol.errors import LimitExceeded, MalformedMessage
from tacita_protocol.psi.engine import (
    Action,
    Compute,
    Receive,
    RunParameters,
    Send,
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


def asks(*actions: Action) -> Generator[Action, Any, NDArray[np.int64]]:
    yield from actions
    return np.arange(3)


def answers(*actions: Action) -> Generator[Action, Any, int]:
    yield from actions
    return 0


def test_the_driver_carries_messages_and_results() -> None:
    seen: list[Any] = []

    def receiver() -> Generator[Action, Any, NDArray[np.int64]]:
        seen.append((yield Receive(2)))
        seen.append((yield Compute((Task(len, ("abc",)), Task(abs, (-1,))))))
        return np.arange(3)

    assert run_locally(receiver(), answers(Send(b"ab")), run_tasks=inline).tolist() == [0, 1, 2]
    assert seen == [b"ab", [3, 1]]


def test_a_message_over_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        run_locally(asks(Receive(1)), answers(Send(b"ab")), run_tasks=inline)


def test_sides_that_wait_for_each_other_are_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="wait"):
        run_locally(asks(Receive(1)), answers(Receive(1)), run_tasks=inline)


def test_an_unread_message_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="unread"):
        run_locally(asks(), answers(Send(b"ab")), run_tasks=inline)
